// What the page shows, as its URL says it. Invariant: everything that can be looked at has an address, any text is some
// address, and format(parse(x)) names the same view as x.

export type View = 'targets' | 'target' | 'changes' | 'trace';

export const SORT_KEYS = ['state', 'target', 'hops', 'rtt', 'loss', 'change'] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export interface Period {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface PageAddress {
  readonly view: View;
  /** Target list: words that rows must contain, one state or '' for all, order. */
  readonly filter: string;
  readonly state: string;
  readonly sort: SortKey;
  readonly descending: boolean;
  /** Key of the target shown. */
  readonly target: string;
  /** Length of the timeline, and its end; null follows the clock. */
  readonly spanMs: number;
  readonly endMs: number | null;
  /** The part of the timeline that graph and table speak of; null for all of it. */
  readonly focus: Period | null;
  /** Consecutive hops of one AS drawn as one. */
  readonly collapsed: boolean;
  /** TTL whose row and nodes are marked. */
  readonly hop: number | null;
  /** Change whose two paths are compared, or `focus` for the ends of the focus period. */
  readonly diff: number | 'focus' | null;
  /** Feed: one kind of change or ''. */
  readonly kind: string;
  /** Trace now: the trace shown, and what the form holds. */
  readonly trace: string;
  readonly host: string;
  readonly protocol: string;
  readonly port: string;
}

export const SPANS_MS: readonly number[] = [1, 6, 24, 7 * 24, 30 * 24].map((hours) => hours * 3_600_000);

export const DEFAULT_ADDRESS: PageAddress = {
  view: 'targets',
  filter: '',
  state: '',
  sort: 'state',
  descending: false,
  target: '',
  spanMs: SPANS_MS[0] ?? 3_600_000,
  endMs: null,
  focus: null,
  collapsed: false,
  hop: null,
  diff: null,
  kind: '',
  trace: '',
  host: '',
  protocol: '',
  port: '',
};

const MAX_TEXT = 2048;
const SPAN_NAMES: readonly string[] = ['1h', '6h', '24h', '7d', '30d'];

/** The view that a query string asks for; what makes no sense in it is passed over. */
export function parseAddress(search: string): PageAddress {
  const query = new URLSearchParams(search);
  const text = (name: string): string => (query.get(name) ?? '').slice(0, MAX_TEXT);
  const target = text('target');
  const view = text('view');
  const sort = text('sort');
  const span = SPAN_NAMES.indexOf(text('span'));
  const diff = text('diff');
  return {
    view: isView(view) ? view : target === '' ? 'targets' : 'target',
    filter: text('filter'),
    state: text('state'),
    sort: isSortKey(sort) ? sort : DEFAULT_ADDRESS.sort,
    descending: text('order') === 'desc',
    target,
    spanMs: SPANS_MS[span] ?? DEFAULT_ADDRESS.spanMs,
    endMs: parseWhole(text('end')),
    focus: parsePeriod(text('from'), text('to')),
    collapsed: text('as') === 'collapsed',
    hop: parseWhole(text('hop')),
    diff: diff === 'focus' ? 'focus' : parseWhole(diff),
    kind: text('kind'),
    trace: text('trace'),
    host: text('host'),
    protocol: text('protocol'),
    port: text('port'),
  };
}

/** The query string of a view, with its question mark; `?` alone for the target list as it is at first. */
export function formatAddress(address: PageAddress): string {
  const query = new URLSearchParams();
  const put = (name: string, value: string | number | null): void => {
    if (value !== null && value !== '') query.set(name, String(value));
  };
  if (address.view !== 'targets' && address.view !== 'target') put('view', address.view);
  if (address.view === 'targets') {
    put('filter', address.filter);
    put('state', address.state);
    if (address.sort !== DEFAULT_ADDRESS.sort) put('sort', address.sort);
    if (address.descending) put('order', 'desc');
  }
  if (address.view === 'target') putTarget(address, put);
  if (address.view === 'changes') put('kind', address.kind);
  if (address.view === 'changes' || address.view === 'target') putSpan(address, put);
  if (address.view === 'trace') {
    put('trace', address.trace);
    put('host', address.host);
    put('protocol', address.protocol);
    put('port', address.port);
  }
  return `?${query}`;
}

type Put = (name: string, value: string | number | null) => void;

function putTarget(address: PageAddress, put: Put): void {
  put('target', address.target);
  put('from', address.focus?.fromMs ?? null);
  put('to', address.focus?.toMs ?? null);
  if (address.collapsed) put('as', 'collapsed');
  put('hop', address.hop);
  put('diff', address.diff);
}

function putSpan(address: PageAddress, put: Put): void {
  const span = SPANS_MS.indexOf(address.spanMs);
  if (span > 0) put('span', SPAN_NAMES[span] ?? null);
  put('end', address.endMs);
}

export function spanName(spanMs: number): string {
  return SPAN_NAMES[SPANS_MS.indexOf(spanMs)] ?? '';
}

function isView(text: string): text is View {
  return text === 'targets' || text === 'target' || text === 'changes' || text === 'trace';
}

function isSortKey(text: string): text is SortKey {
  return (SORT_KEYS as readonly string[]).includes(text);
}

/** A whole number that a date can hold. */
function parseWhole(text: string): number | null {
  if (!/^\d{1,16}$/.test(text)) return null;
  const value = Number(text);
  return value <= 8.64e15 ? value : null;
}

function parsePeriod(from: string, to: string): Period | null {
  const fromMs = parseWhole(from);
  const toMs = parseWhole(to);
  return fromMs === null || toMs === null || fromMs >= toMs ? null : { fromMs, toMs };
}
