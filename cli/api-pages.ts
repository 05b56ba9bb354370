// Lists of the API that come in pages, read to their end or to a limit.

/** A page, and where the next one begins. */
interface Page<Item> {
  readonly items: readonly Item[]
  readonly next?: string
}

/** All items of a list, as far as whole pages go within so many. `path` has a query; throws what `get` throws. */
export async function readPages<Item>(
  path: string,
  { get, most }: { readonly get: (path: string) => Promise<unknown>; readonly most: number },
): Promise<readonly Item[]> {
  const items: Item[] = []
  let next: string | undefined
  do {
    const page = (await get(next === undefined ? path : `${path}&cursor=${next}`)) as Page<Item>
    items.push(...page.items)
    next = page.next
  } while (next !== undefined && items.length < most)
  return items
}
