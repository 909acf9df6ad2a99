"""Answers from memory who is in which package, for many questions a second."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from onecdp.audiences.bitmaps import BitMap, from_numpy
from onecdp.audiences.names import AUDIENCE_PREFIX
from onecdp.audiences.store import Store

_ONE_ID = re.compile("ONE([0-9a-f]{16})")


class Checker:
    """Who is in which package, from memory: made once, asked often.

    It shows the marts as they were when it was made; make another one after publishing. It takes
    some 12 bytes per member of any package, and at most 4 more per member and package. Threads may
    share it.

        checker = Checker(Store(Path("warehouse/marts.duckdb")))
        checker.contains("PKG001", "ONE0123456789abcdef")

    Attributes:
        audiences: The customers whom the rules select, by package_id, before consent.
    """

    def __init__(self, store: Store) -> None:
        """Loads all audiences whose rules did not fail, and the members of their packages."""
        built = [key for key in store.rules if key not in store.errors]
        store.load(AUDIENCE_PREFIX + key for key in built)
        self.audiences: Mapping[str, BitMap] = {
            key: store.sets.tags[AUDIENCE_PREFIX + key] for key in built
        }
        with store.connected() as marts:
            customers = marts.execute(
                "select ('0x' || one_id[4:])::ubigint as code, one_int::uinteger as one_int"
                " from customer_profiles where one_id in (select one_id from audience_packages)"
                " order by code"
            ).to_arrow_table()
            self._codes: npt.NDArray[np.uint64] = customers["code"].to_numpy()
            self._one_ints: npt.NDArray[np.uint32] = customers["one_int"].to_numpy()
            self._arms: dict[tuple[str, str], BitMap] = {}
            for package_id in built:
                for arm in ("treatment", "hold_out"):
                    members = marts.execute(
                        "select profiles.one_int::uinteger as one_int"
                        " from audience_packages as packages"
                        " inner join customer_profiles as profiles"
                        " on packages.one_id = profiles.one_id"
                        " where packages.package_id = $1 and packages.arm = $2",
                        [package_id, arm],
                    ).to_arrow_table()
                    self._arms[package_id, arm] = from_numpy(members["one_int"].to_numpy())

    def contains(self, package_id: str, one_id: str) -> bool:
        """Returns whether a customer is in a package: selected, and with consent; of either arm.

        Raises:
            KeyError: There is no such audience, or it has failed.
        """
        return self.arm(package_id, one_id) is not None

    def arm(self, package_id: str, one_id: str) -> str | None:
        """Returns the arm of a member, `treatment` or `hold_out`; None for who is no member.

        Raises:
            KeyError: There is no such audience, or it has failed.
        """
        treatment = self._arms[package_id, "treatment"]
        one_int = self._one_int(one_id)
        if one_int is None:
            return None
        if one_int in treatment:
            return "treatment"
        return "hold_out" if one_int in self._arms[package_id, "hold_out"] else None

    def packages_of(self, one_id: str) -> list[str]:
        """Returns the package_ids of all packages that a customer is in."""
        return [key for key in self.audiences if self.contains(key, one_id)]

    def is_selected(self, package_id: str, one_int: int) -> bool:
        """Returns whether the rule of an audience selects a customer, whatever they consented to.

        Raises:
            KeyError: There is no such audience, or it has failed.
        """
        return one_int in self.audiences[package_id]

    def audiences_of(self, one_int: int) -> list[str]:
        """Returns the package_ids of all audiences whose rules select a customer."""
        return [key for key, members in self.audiences.items() if one_int in members]

    def _one_int(self, one_id: str) -> int | None:
        """The number of a member of any package; None for others, and for what is no one_id."""
        found = _ONE_ID.fullmatch(one_id)
        if found is None:
            return None
        code = np.uint64(int(found[1], 16))
        place = int(np.searchsorted(self._codes, code))
        if place == len(self._codes) or self._codes[place] != code:
            return None
        return int(self._one_ints[place])
