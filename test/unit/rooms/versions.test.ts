import { roomVersion, roomVersions } from "../../../src/rooms/versions";
import { allVersions, everyVersion, requireVersion } from "./fixtures/room";

/** The feature table of the specification, written down once more: each row names the versions from which on a flag holds. */
const rows: [name: string, value: (id: string) => unknown, [from: number, value: unknown][]][] = [
  [
    "eventRefs",
    (id) => requireVersion(id).eventRefs,
    [
      [1, "pairs"],
      [3, "ids"],
    ],
  ],
  [
    "eventIds",
    (id) => requireVersion(id).eventIds,
    [
      [1, "opaque"],
      [3, "base64"],
      [4, "base64url"],
    ],
  ],
  [
    "roomIds",
    (id) => requireVersion(id).roomIds,
    [
      [1, "opaque"],
      [12, "createHash"],
    ],
  ],
  [
    "depthCap",
    (id) => requireVersion(id).depthCap,
    [
      [1, "9223372036854775807"],
      [6, "9007199254740991"],
    ],
  ],
  [
    "canonicalJsonEnforced",
    (id) => requireVersion(id).canonicalJsonEnforced,
    [
      [1, false],
      [6, true],
    ],
  ],
  [
    "keyValidityEnforced",
    (id) => requireVersion(id).keyValidityEnforced,
    [
      [1, false],
      [5, true],
    ],
  ],
  [
    "stateResolution",
    (id) => requireVersion(id).stateResolution,
    [
      [1, "v1"],
      [2, "v2"],
      [12, "v2.1"],
    ],
  ],
  [
    "redactsIn",
    (id) => requireVersion(id).redactsIn,
    [
      [1, "topLevel"],
      [11, "content"],
    ],
  ],
  [
    "redactionRule",
    (id) => requireVersion(id).auth.redactionRule,
    [
      [1, true],
      [3, false],
    ],
  ],
  [
    "aliasesRule",
    (id) => requireVersion(id).auth.aliasesRule,
    [
      [1, true],
      [6, false],
    ],
  ],
  [
    "knocking",
    (id) => requireVersion(id).auth.knocking,
    [
      [1, false],
      [7, true],
    ],
  ],
  [
    "restrictedJoins",
    (id) => requireVersion(id).auth.restrictedJoins,
    [
      [1, false],
      [8, true],
    ],
  ],
  [
    "knockRestricted",
    (id) => requireVersion(id).auth.knockRestricted,
    [
      [1, false],
      [10, true],
    ],
  ],
  [
    "creator",
    (id) => requireVersion(id).auth.creator,
    [
      [1, "content"],
      [11, "sender"],
    ],
  ],
  [
    "creatorPower",
    (id) => requireVersion(id).auth.creatorPower,
    [
      [1, false],
      [12, true],
    ],
  ],
  [
    "createInAuthEvents",
    (id) => requireVersion(id).auth.createInAuthEvents,
    [
      [1, true],
      [12, false],
    ],
  ],
  [
    "acceptsStrings",
    (id) => requireVersion(id).levels.acceptsStrings,
    [
      [1, true],
      [10, false],
    ],
  ],
  [
    "acceptsFloats",
    (id) => requireVersion(id).levels.acceptsFloats,
    [
      [1, true],
      [6, false],
    ],
  ],
  [
    "enforcesIntegers",
    (id) => requireVersion(id).levels.enforcesIntegers,
    [
      [1, false],
      [10, true],
    ],
  ],
  [
    "guardsNotifications",
    (id) => requireVersion(id).levels.guardsNotifications,
    [
      [1, false],
      [6, true],
    ],
  ],
];

test.each(rows)("%s", (_name, value, steps) => {
  for (const id of allVersions) {
    const expected = steps.filter(([from]) => from <= Number(id)).at(-1)?.[1];
    expect([id, value(id)]).toEqual([id, expected]);
  }
});

test("1 to 12 are stable, ids are keys, unknown ids are unknown", () => {
  for (const id of allVersions) expect(requireVersion(id).disposition).toBe("stable");
  for (const id of everyVersion) expect(requireVersion(id).id).toBe(id);
  expect([...roomVersions.values()].filter(({ disposition }) => disposition === "unstable").map(({ id }) => id)).toEqual([
    "org.matrix.msc3757.10",
    "org.matrix.msc3757.11",
    "org.matrix.hydra.11",
  ]);
  for (const id of ["0", "13", "", "1.0", "constructor", "__proto__"]) expect(roomVersion(id)).toBeUndefined();
});
