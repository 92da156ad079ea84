import { Ending } from "../../../src/lib/ending";

test("whoever still listens hears of the end, once", () => {
  const ending = new Ending();
  const heard: string[] = [];
  const late = (): void => void heard.push("late");
  ending.addEventListener("abort", () => heard.push("one"));
  ending.addEventListener("abort", late);
  ending.addEventListener("abort", () => heard.push("two"));
  ending.removeEventListener("abort", late);
  expect(ending.aborted).toBe(false);
  ending.abort();
  ending.abort();
  // As with an AbortSignal, who comes later has to look for himself.
  ending.addEventListener("abort", late);
  expect(heard).toEqual(["one", "two"]);
  expect(ending.aborted).toBe(true);
});
