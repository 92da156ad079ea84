/** Resolves once condition holds; fails after a time that no healthy run comes near. */
export async function eventually(condition: () => boolean | Promise<boolean>, limitMs = 45_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`never came true: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
