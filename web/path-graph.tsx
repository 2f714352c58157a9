// The route as a picture: vantage point left, destination right, a column for each TTL, AS boundaries around hops.
// Invariant: what colour tells is told by a number, a shape or a dash as well; every node can be reached by arrow keys.

import type { JSX } from 'preact';
import { useMemo, useRef, useState } from 'preact/hooks';
import { delayStep, WRITTEN_FROM_MS } from './delay-scale.ts';
import { formatAsn, formatMs, formatRatio, shorten } from './figure-text.ts';
import { type Enclosure, type GraphLayout, layoutGraph, type PlacedNode } from './graph-layout.ts';
import type { RouteLink, RouteModel, RouteNode } from './route-model.ts';
import { rove } from './roving.ts';
import { useWidth } from './size.ts';

export interface PathGraphProps {
  readonly model: RouteModel;
  readonly label: string;
  /** TTL that is marked. */
  readonly hop: number | null;
  readonly onHop: (ttl: number) => void;
  /** Pictures with the same name replace one another; another name starts afresh. */
  readonly picture: string;
}

const ROW = 68;
const TOP = 30;
const SIDE = 14;
const LEAST_COLUMN = 92;
const MOST_COLUMN = 190;
const RADIUS = 8;
const CHARACTER = 6.3;

interface Scale {
  readonly x: (column: number) => number;
  readonly y: (row: number) => number;
  readonly column: number;
}

export function PathGraph({ model, label, hop, onHop, picture }: PathGraphProps): JSX.Element {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const before = useRef<{ picture: string; layout: GraphLayout } | null>(null);
  const layout = useMemo(() => {
    const seed = before.current?.picture === picture ? before.current.layout : null;
    const placed = layoutGraph(model, seed);
    before.current = { picture, layout: placed };
    return placed;
  }, [model, picture]);
  const count = layout.columns.length;
  const column = Math.max(LEAST_COLUMN, Math.min(MOST_COLUMN, (width - 2 * SIDE) / Math.max(1, count)));
  const scale: Scale = {
    column,
    x: (at) => SIDE + (at + 0.5) * column,
    y: (row) => TOP + 26 + row * ROW,
  };
  const size = { width: 2 * SIDE + count * column, height: TOP + 14 + layout.rows * ROW };
  return (
    <div class="graph" ref={frame}>
      {width === 0 ? null : (
        <svg width={size.width} height={size.height} role="group" aria-label={label}>
          <Columns layout={layout} scale={scale} hop={hop} height={size.height} />
          {layout.enclosures.map((enclosure) => (
            <Boundary
              key={`${enclosure.asn} ${enclosure.columns[0]?.column}`}
              enclosure={enclosure}
              scale={scale}
            />
          ))}
          <Links layout={layout} scale={scale} />
          <Nodes layout={layout} scale={scale} hop={hop} onHop={onHop} />
          <g class="captions" aria-hidden="true">
            {layout.nodes.map((place) => (
              <Caption key={place.node.id} place={place} scale={scale} />
            ))}
          </g>
        </svg>
      )}
    </div>
  );
}

interface LayerProps {
  readonly layout: GraphLayout;
  readonly scale: Scale;
}

function Columns({
  layout,
  scale,
  hop,
  height,
}: LayerProps & { readonly hop: number | null; readonly height: number }): JSX.Element {
  return (
    <g class="columns" aria-hidden="true">
      {layout.columns.map(({ ttl, lastTtl }, i) => (
        <g key={ttl}>
          {hop !== null && ttl <= hop && hop <= lastTtl ? (
            <rect
              class="marked"
              x={scale.x(i) - scale.column / 2}
              y="0"
              width={scale.column}
              height={height}
            />
          ) : null}
          <text x={scale.x(i)} y="14">
            {ttl === 0 ? '' : ttl === lastTtl ? ttl : `${ttl}–${lastTtl}`}
          </text>
        </g>
      ))}
    </g>
  );
}

/** Steps around the hops of one AS. */
function Boundary({
  enclosure,
  scale,
}: {
  readonly enclosure: Enclosure;
  readonly scale: Scale;
}): JSX.Element {
  const half = scale.column / 2 - 5;
  const upper: string[] = [];
  const lower: string[] = [];
  for (const [i, { column, top, bottom }] of enclosure.columns.entries()) {
    // Upright steps between two columns of it, a gap to what is not.
    const left = scale.x(column) - (i === 0 ? half : scale.column / 2);
    const right = scale.x(column) + (i === enclosure.columns.length - 1 ? half : scale.column / 2);
    const [high, low] = [scale.y(top) - 27, scale.y(bottom) + 38];
    upper.push(`${left} ${high}`, `${right} ${high}`);
    lower.unshift(`${right} ${low}`, `${left} ${low}`);
  }
  const { column, top, columns } = labelPlace(enclosure);
  const room = Math.max(7, Math.floor((columns * scale.column - 20) / CHARACTER));
  const text = formatAsn(enclosure.asn, enclosure.name);
  return (
    <g class="boundary" aria-hidden="true">
      <path d={`M${upper.join('L')}L${lower.join('L')}z`} />
      <text x={scale.x(column) - half + 6} y={scale.y(top) - 16}>
        {text.length > room ? `${text.slice(0, room - 1)}…` : text}
      </text>
    </g>
  );
}

/** The longest stretch of the upper edge, the highest of those: there the name has room above the nodes. */
function labelPlace({ columns }: Enclosure): { column: number; top: number; columns: number } {
  const runs: { column: number; top: number; columns: number }[] = [];
  for (const { column, top } of columns) {
    const last = runs.at(-1);
    if (last !== undefined && last.top === top && last.column + last.columns === column) last.columns++;
    else runs.push({ column, top, columns: 1 });
  }
  return runs.reduce(
    (best, run) =>
      run.columns > best.columns || (run.columns === best.columns && run.top < best.top) ? run : best,
    runs[0] ?? { column: 0, top: 0, columns: 1 },
  );
}

function Links({ layout, scale }: LayerProps): JSX.Element {
  const places = new Map(layout.nodes.map((place) => [place.node.id, place]));
  return (
    <g class="links" aria-hidden="true">
      {layout.links.map((link) => {
        const [from, to] = [places.get(link.from), places.get(link.to)];
        if (from === undefined || to === undefined) return null;
        return <Link key={`${link.from} ${link.to}`} link={link} from={from} to={to} scale={scale} />;
      })}
    </g>
  );
}

interface LinkProps {
  readonly link: RouteLink;
  readonly from: PlacedNode;
  readonly to: PlacedNode;
  readonly scale: Scale;
}

function Link({ link, from, to, scale }: LinkProps): JSX.Element {
  const [x1, y1, x2, y2] = [scale.x(from.column), scale.y(from.row), scale.x(to.column), scale.y(to.row)];
  const middle = (x1 + x2) / 2;
  const step = delayStep(link.addedDelayMs);
  const kind = link.mark === null ? (step === null ? 'unknown' : `delay${step}`) : `is-${link.mark}`;
  const unseen = from.node.kind === 'silent' || to.node.kind === 'silent' || to.node.kind === 'missing';
  const written = link.addedDelayMs !== null && link.addedDelayMs >= WRITTEN_FROM_MS;
  return (
    <g class={`link ${kind}${unseen ? ' unseen' : ''}`}>
      <path
        d={`M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`}
        stroke-width={1.5 + 8 * link.share}
      />
      {written ? (
        <text x={middle} y={(y1 + y2) / 2 - 8}>
          +{Math.round(link.addedDelayMs ?? 0)} ms
        </text>
      ) : null}
    </g>
  );
}

interface NodesProps extends LayerProps {
  readonly hop: number | null;
  readonly onHop: (ttl: number) => void;
}

function Nodes({ layout, scale, hop, onHop }: NodesProps): JSX.Element {
  const [active, setActive] = useState('');
  const group = useRef<SVGGElement>(null);
  const stop = layout.nodes.some(({ node }) => node.id === active) ? active : layout.nodes[0]?.node.id;
  const onKeyDown = (event: KeyboardEvent): void => {
    const next = nextNode(layout, stop ?? '', event.key);
    if (next === null) return;
    event.preventDefault();
    setActive(next);
    const i = layout.nodes.findIndex(({ node }) => node.id === next);
    const element = group.current?.children[i];
    if (element instanceof SVGElement) element.focus();
  };
  return (
    <g class="nodes" ref={group} onKeyDown={onKeyDown}>
      {layout.nodes.map((place) => (
        <Node
          key={place.node.id}
          place={place}
          scale={scale}
          stop={place.node.id === stop}
          pressed={hop !== null && place.node.ttl <= hop && hop <= place.node.lastTtl && hop > 0}
          onFocus={() => setActive(place.node.id)}
          onPress={() => onHop(place.node.ttl)}
        />
      ))}
    </g>
  );
}

/** Left and right lead to the nearest node of the next column, up and down to the next one in it. */
function nextNode(layout: GraphLayout, id: string, key: string): string | null {
  const at = layout.nodes.find(({ node }) => node.id === id);
  if (at === undefined) return null;
  if (key === 'ArrowUp' || key === 'ArrowDown') {
    const column = layout.nodes.filter(({ column: c }) => c === at.column);
    const to = rove(key, column.indexOf(at), column.length);
    return column[to ?? -1]?.node.id ?? null;
  }
  const to = rove(key, at.column, layout.columns.length);
  if (to === null) return null;
  const there = layout.nodes.filter(({ column }) => column === to);
  there.sort((a, b) => Math.abs(a.row - at.row) - Math.abs(b.row - at.row));
  return there[0]?.node.id ?? null;
}

interface NodeProps {
  readonly place: PlacedNode;
  readonly scale: Scale;
  readonly stop: boolean;
  readonly pressed: boolean;
  readonly onFocus: () => void;
  readonly onPress: () => void;
}

function Node({
  place: { node, column, row },
  scale,
  stop,
  pressed,
  onFocus,
  onPress,
}: NodeProps): JSX.Element {
  const [x, y] = [scale.x(column), scale.y(row)];
  const loss = node.forwardLossRatio ?? 0;
  return (
    <g
      class={`node is-${node.kind}${node.mark === null ? '' : ` mark-${node.mark}`}`}
      role="button"
      tabindex={stop ? 0 : -1}
      aria-label={describe(node)}
      aria-pressed={pressed}
      onFocus={onFocus}
      onClick={onPress}
      onKeyDown={(event: KeyboardEvent) => {
        if (event.key === 'Enter' || event.key === ' ') {
          event.preventDefault();
          onPress();
        }
      }}
    >
      <title>{describe(node)}</title>
      <rect
        class="halo"
        x={x - scale.column / 2 + 3}
        y={y - 15}
        width={scale.column - 6}
        height="48"
        rx="6"
      />
      {loss > 0 ? <LossRing x={x} y={y} ratio={loss} /> : null}
      <Shape node={node} x={x} y={y} />
    </g>
  );
}

/** What is written below a node; the node's own label says the same to those who hear it. */
function Caption({
  place: { node, column, row },
  scale,
}: {
  readonly place: PlacedNode;
  readonly scale: Scale;
}): JSX.Element {
  const [x, y] = [scale.x(column), scale.y(row)];
  const room = Math.floor((scale.column - 8) / CHARACTER);
  const loss = node.forwardLossRatio ?? 0;
  return (
    <g class={`caption is-${node.kind}${node.mark === null ? '' : ` mark-${node.mark}`}`}>
      <text class="name" x={x} y={y + 21}>
        {shorten(nameOf(node), room)}
      </text>
      <text class={`figure${loss > 0 ? ' lost' : ''}`} x={x} y={y + 32}>
        {loss > 0 ? `${formatRatio(loss)} lost` : node.medianMs === null ? '' : formatMs(node.medianMs)}
      </text>
    </g>
  );
}

function Shape({
  node,
  x,
  y,
}: {
  readonly node: RouteNode;
  readonly x: number;
  readonly y: number;
}): JSX.Element {
  switch (node.kind) {
    case 'vantage':
      return <path class="shape" d={`M${x - 8} ${y - 8}h16v16h-16z`} />;
    case 'destination':
      return (
        <>
          <circle class="shape" cx={x} cy={y} r={RADIUS + 1} />
          <circle class="core" cx={x} cy={y} r="4" />
        </>
      );
    case 'group':
      return <rect class="shape" x={x - 20} y={y - 9} width="40" height="18" rx="9" />;
    case 'missing':
      return <path class="cross" d={`M${x - 6} ${y - 6}l12 12m0 -12l-12 12`} />;
    default:
      return (
        <>
          <circle class="shape" cx={x} cy={y} r={RADIUS} />
          {node.mark === 'removed' ? <path class="sign" d={`M${x - 4} ${y}h8`} /> : null}
          {node.mark === 'added' ? <path class="sign" d={`M${x - 4} ${y}h8m-4 -4v8`} /> : null}
        </>
      );
  }
}

/** As much of a ring as is lost, from the top on. */
function LossRing({
  x,
  y,
  ratio,
}: {
  readonly x: number;
  readonly y: number;
  readonly ratio: number;
}): JSX.Element {
  const around = 2 * Math.PI * (RADIUS + 5);
  return (
    <>
      <circle class="ring-ground" cx={x} cy={y} r={RADIUS + 5} />
      <circle
        class="ring"
        cx={x}
        cy={y}
        r={RADIUS + 5}
        stroke-dasharray={`${Math.max(3, ratio * around)} ${around}`}
        transform={`rotate(-90 ${x} ${y})`}
      />
    </>
  );
}

function nameOf(node: RouteNode): string {
  if (node.kind === 'vantage') return 'here';
  if (node.kind === 'silent') return 'silent';
  if (node.kind === 'missing') return 'no answer';
  if (node.kind === 'group') return `${node.size} hops`;
  return node.address;
}

function describe(node: RouteNode): string {
  if (node.kind === 'vantage') return 'Vantage point';
  if (node.kind === 'missing') return 'The destination does not answer';
  const hop = node.ttl === node.lastTtl ? `Hop ${node.ttl}` : `Hops ${node.ttl} to ${node.lastTtl}`;
  if (node.kind === 'silent') return `${hop}: silent`;
  const parts = [
    `${hop}: ${node.kind === 'group' ? `${node.size} interfaces` : node.address}`,
    node.name ?? '',
    formatAsn(node.asn, node.asName),
    node.kind === 'destination' ? 'destination' : '',
    node.mark ?? '',
    node.medianMs === null ? '' : `median RTT ${formatMs(node.medianMs)}`,
    (node.forwardLossRatio ?? 0) > 0 ? `${formatRatio(node.forwardLossRatio)} lost from here on` : '',
    node.rateLimited ? 'limits its replies' : '',
    node.share < 1 && node.mark === null ? `on ${formatRatio(node.share)} of traces` : '',
  ];
  return parts.filter(Boolean).join(', ');
}
