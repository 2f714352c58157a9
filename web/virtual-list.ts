// Which rows of a long list are drawn: those in view and a few around. Pure.

export interface Slice {
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

/** Rows drawn beyond either edge, so that scrolling shows no holes. */
const MARGIN = 8;

export function visibleSlice(count: number, rowHeight: number, scrollTop: number, height: number): Slice {
  const first = Math.floor(scrollTop / rowHeight);
  const last = Math.ceil((scrollTop + height) / rowHeight);
  const from = Math.max(0, Math.min(first - MARGIN, count));
  return { from, to: Math.max(from, Math.min(count, last + MARGIN)) };
}

/** The scroll position that brings a row into view, or the one given where it is already. */
export function scrollToRow(row: number, rowHeight: number, scrollTop: number, height: number): number {
  const top = row * rowHeight;
  if (top < scrollTop) return top;
  if (top + rowHeight > scrollTop + height) return top + rowHeight - height;
  return scrollTop;
}
