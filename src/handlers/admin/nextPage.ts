/**
 * Where the next page of a list begins, while there is one, as a number or as text: Synapse has both. `shown` is how many entries this page
 * has, `total` how many there are in all.
 */
export const nextPage = <T>(
  { from, limit }: { readonly from: number; readonly limit: number },
  shown: number,
  total: number,
  form: (token: number) => T,
): { readonly next_token?: T } => (from + limit < total ? { next_token: form(from + shown) } : {});
