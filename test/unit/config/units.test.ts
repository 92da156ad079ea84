import { nearest } from "../../../src/config/nearest";
import { parseDuration, parseSize } from "../../../src/config/units";

test.each([
  [5, 5],
  [0, 0],
  ["5", 5],
  ["30s", 30_000],
  ["5m", 300_000],
  ["1h", 3_600_000],
  ["7d", 604_800_000],
  ["2w", 1_209_600_000],
  ["1y", 31_536_000_000],
  ["250ms", 250],
  [" 1d ", 86_400_000],
  ["5 minutes", undefined],
  ["", undefined],
  ["1.5h", undefined],
  [1.5, undefined],
  [true, undefined],
  [null, undefined],
])("duration %p is %p ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each([
  [1024, 1024],
  ["10K", 10_240],
  ["50M", 52_428_800],
  ["1G", 1_073_741_824],
  ["500MiB", 524_288_000],
  ["87KiB", 89_088],
  ["10MB", 10_485_760],
  ["77", 77],
  ["-1K", undefined],
  ["10m", undefined],
  [{}, undefined],
])("size %p is %p bytes", (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

const names = ["enable_registration", "registration_shared_secret", "presence", "listeners", "rc_message"];

test.each([
  ["enable_registraton", "enable_registration"],
  ["regsitration_shared_secret", "registration_shared_secret"],
  ["listner", undefined],
  ["listener", "listeners"],
  ["rc_mesage", "rc_message"],
  ["presense", "presence"],
  ["something_else", undefined],
])("%s was meant to be %s", (name, meant) => {
  expect(nearest(name, names)).toBe(meant);
});
