// Every hop of a route in figures: what the graph draws, in words and numbers.

import type { JSX } from 'preact';
import type { ApiNode } from '../src/http/api-shapes.ts';
import { formatMs, formatRatio } from './figure-text.ts';

export interface HopTableProps {
  readonly nodes: readonly ApiNode[];
  readonly hop: number | null;
  readonly onHop: (ttl: number) => void;
  readonly caption: string;
}

export function HopTable({ nodes, hop, onHop, caption }: HopTableProps): JSX.Element {
  const named = nodes.some(({ name }) => name !== null);
  const placed = nodes.some(({ asn }) => asn !== null);
  const rows = nodes.filter(({ ttl }) => ttl > 0).toSorted((a, b) => a.ttl - b.ttl || b.share - a.share);
  return (
    <div class="table-frame" tabIndex={0} role="region" aria-label={caption}>
      <table class="hops">
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            <th scope="col">Hop</th>
            <th scope="col">Address</th>
            {named ? (
              <th scope="col" class="name">
                Name
              </th>
            ) : null}
            {placed ? <th scope="col">AS</th> : null}
            <th scope="col" class="number">
              Traces
            </th>
            <th scope="col" class="number">
              Replies
            </th>
            <th scope="col" class="number">
              RTT min
            </th>
            <th scope="col" class="number">
              median
            </th>
            <th scope="col" class="number">
              p95
            </th>
            <th scope="col" class="number">
              Lost on
            </th>
            <th scope="col">MPLS, notes</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((node, i) => (
            <HopRow
              key={`${node.ttl} ${node.address}`}
              node={node}
              named={named}
              placed={placed}
              again={rows[i - 1]?.ttl === node.ttl}
              marked={node.ttl === hop}
              onHop={onHop}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface HopRowProps {
  readonly node: ApiNode;
  /** Whether any hop has a name, an AS. */
  readonly named: boolean;
  readonly placed: boolean;
  /** The row above is of the same TTL. */
  readonly again: boolean;
  readonly marked: boolean;
  readonly onHop: (ttl: number) => void;
}

function HopRow({ node, named, placed, again, marked, onHop }: HopRowProps): JSX.Element {
  const { ttl, address, name, asn, asName, share, sent, answered, rtt } = node;
  const lost = node.forwardLossRatio;
  return (
    <tr class={`${marked ? 'marked' : ''}${again ? ' again' : ''}`}>
      <th scope="row">
        <button
          type="button"
          class="plain"
          aria-pressed={marked}
          aria-label={`Mark hop ${ttl}`}
          onClick={() => onHop(ttl)}
        >
          {ttl}
        </button>
      </th>
      <td class="address">
        {address === '' ? <span class="soft">silent</span> : address}
        {node.destination ? <span class="tag">destination</span> : null}
        <span class="name-below">{name ?? ''}</span>
      </td>
      {named ? <td class="name">{name ?? ''}</td> : null}
      {placed ? (
        <td class="as">
          {asn === null ? '' : <b>AS{asn}</b>} <span class="as-name">{asName ?? ''}</span>
        </td>
      ) : null}
      <td class="number">{formatRatio(share)}</td>
      <td class="number">{sent === 0 ? '–' : formatRatio(answered / sent)}</td>
      <td class="number">{formatMs(rtt?.minMs ?? null)}</td>
      <td class="number">{formatMs(rtt?.medianMs ?? null)}</td>
      <td class="number">{formatMs(rtt?.p95Ms ?? null)}</td>
      <td class={`number${(lost ?? 0) > 0 ? ' some' : ''}`}>{formatRatio(lost)}</td>
      <td class="notes">
        {node.mpls.length > 0 ? <span class="mono">{node.mpls.join(' ')}</span> : null}
        {node.rateLimited ? <span class="tag">limits replies</span> : null}
      </td>
    </tr>
  );
}
