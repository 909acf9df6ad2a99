// node send.mjs URL KEY: what a server in Node sends, with the SDK as it is.
import { Analytics } from '@segment/analytics-node'

const [url, writeKey] = process.argv.slice(2)
const analytics = new Analytics({ host: url, writeKey })
analytics.on('error', (error) => {
  console.error(error)
  process.exitCode = 1
})
for (let number = 0; number < 50; number++) {
  analytics.track({
    userId: 'node-user',
    anonymousId: 'node-device',
    event: 'Order Completed',
    properties: { revenue: number, product_id: `SKU${number}` },
  })
}
analytics.page({ anonymousId: 'node-device', name: 'Home' })
analytics.identify({ userId: 'node-user', anonymousId: 'node-device', traits: { email: 'a@b.example' } })
analytics.alias({ userId: 'node-user', previousId: 'node-earlier' })
await analytics.closeAndFlush({ timeout: 15_000 })
