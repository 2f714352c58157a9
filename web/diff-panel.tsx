// Two paths beside each other: the ends of a change, or of the period in focus. What stayed, what went, what came.

import type { JSX } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { ApiAddress, ApiChange, ApiDiff } from '../src/http/api-shapes.ts';
import { At } from './age.tsx';
import { targetPath } from './api-client.ts';
import { KIND_WORDS } from './change-kind.ts';
import { formatAsn, formatMs, formatRatio } from './figure-text.ts';
import { Notice } from './notice.tsx';
import type { Period } from './page-address.ts';
import { type DiffRow, diffModel, diffPaths, type HopAddresses } from './path-diff.ts';
import { PathGraph } from './path-graph.tsx';
import { useRemote } from './remote.ts';

export interface ChangeDiffProps {
  readonly change: ApiChange;
  readonly onClose: () => void;
}

export function ChangeDiff({ change, onClose }: ChangeDiffProps): JSX.Element {
  const rows = useMemo(() => diffPaths(change.before.map(asHop), change.after.map(asHop)), [change]);
  return (
    <Panel
      title={`${KIND_WORDS[change.kind]}: ${change.text}`}
      picture={`change ${change.id}`}
      onClose={onClose}
    >
      <p class="diff-facts">
        <At atMs={change.atMs} />, confidence {formatRatio(change.confidence)}, flow {change.flow}
        {change.beforePathId === null ? '' : `, path ${change.beforePathId}`}
        {change.afterPathId === null ? '' : ` → ${change.afterPathId}`}, {change.before.length} →{' '}
        {change.after.length} hops
      </p>
      <Comparison rows={rows} picture={`change ${change.id}`} />
    </Panel>
  );
}

function asHop(address: ApiAddress | null): HopAddresses {
  return address === null ? [] : [address];
}

export interface PeriodDiffProps {
  readonly target: string;
  readonly period: Period;
  readonly onClose: () => void;
}

/** The routes in force at both ends of a period. */
export function PeriodDiff({ target, period, onClose }: PeriodDiffProps): JSX.Element {
  const diff = useRemote<ApiDiff>(targetPath(target, 'diff'), { a: period.fromMs, b: period.toMs });
  const rows = useMemo(() => {
    const given = diff.value?.rows ?? [];
    return diffPaths(
      given.map(({ kept, removed }) => [...kept, ...removed]),
      given.map(({ kept, added }) => [...kept, ...added]),
    );
  }, [diff.value]);
  const { a, b } = diff.value ?? {};
  return (
    <Panel title="Start and end of the focus compared" picture="focus" onClose={onClose}>
      <p class="diff-facts">
        <At atMs={period.fromMs} /> → <At atMs={period.toMs} />
        {a === undefined || b === undefined
          ? ''
          : `, ${a.hops ?? '–'} → ${b.hops ?? '–'} hops, RTT ${formatMs(a.rttMs)} → ${formatMs(b.rttMs)}`}
      </p>
      {diff.failure !== null ? (
        <Notice kind="failure" title="The two routes cannot be compared.">
          {diff.failure.message}
        </Notice>
      ) : diff.value === null ? (
        <Notice kind="loading" title="Reading both routes" />
      ) : (
        <Comparison rows={rows} picture="focus" />
      )}
    </Panel>
  );
}

interface PanelProps {
  readonly title: string;
  readonly picture: string;
  readonly onClose: () => void;
  readonly children: JSX.Element | JSX.Element[];
}

function Panel({ title, picture, onClose, children }: PanelProps): JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus();
  }, [picture]);
  return (
    <section
      class="card diff"
      aria-labelledby="diff-title"
      onKeyDown={(event) => {
        if (event.key === 'Escape') onClose();
      }}
    >
      <div class="card-head">
        <h2 id="diff-title" tabIndex={-1} ref={heading}>
          {title}
        </h2>
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
      {children}
    </section>
  );
}

function Comparison({
  rows,
  picture,
}: {
  readonly rows: readonly DiffRow[];
  readonly picture: string;
}): JSX.Element {
  const model = useMemo(() => diffModel(rows), [rows]);
  const count = (which: 'kept' | 'removed' | 'added'): number =>
    rows.reduce((sum, row) => sum + row[which].length, 0);
  if (rows.length === 0) return <Notice kind="empty" title="Neither path is known." />;
  return (
    <>
      <p class="diff-counts">
        <span class="mark-kept">= {count('kept')} kept</span>
        <span class="mark-removed">− {count('removed')} removed</span>
        <span class="mark-added">+ {count('added')} added</span>
      </p>
      <PathGraph model={model} label="The two paths" hop={null} onHop={() => {}} picture={picture} />
      <div class="table-frame" tabIndex={0} role="region" aria-label="The two paths, hop by hop">
        <table class="diff-table">
          <thead>
            <tr>
              <th scope="col">Before</th>
              <th scope="col">After</th>
              <th scope="col">
                <span class="hidden">What happened</span>
              </th>
              <th scope="col">Address</th>
              <th scope="col">Name</th>
              <th scope="col">AS</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <Rows key={`${row.ttlBefore} ${row.ttlAfter}`} row={row} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

const SIGNS = { kept: '=', removed: '−', added: '+' } as const;

function Rows({ row }: { readonly row: DiffRow }): JSX.Element {
  const lines = (['removed', 'added', 'kept'] as const).flatMap((mark) =>
    row[mark].map((one) => ({ mark, one })),
  );
  if (lines.length === 0) {
    return (
      <tr class="mark-kept">
        <td>{row.ttlBefore ?? ''}</td>
        <td>{row.ttlAfter ?? ''}</td>
        <td>=</td>
        <td class="soft">silent or not known</td>
        <td />
        <td />
      </tr>
    );
  }
  return (
    <>
      {lines.map(({ mark, one }) => (
        <tr key={`${mark} ${one.address}`} class={`mark-${mark}`}>
          <td>{mark === 'added' ? '' : (row.ttlBefore ?? '')}</td>
          <td>{mark === 'removed' ? '' : (row.ttlAfter ?? '')}</td>
          <td>
            <span aria-hidden="true">{SIGNS[mark]}</span>
            <span class="hidden">{mark}</span>
          </td>
          <td class="mono">{one.address}</td>
          <td>{one.name ?? ''}</td>
          <td>{formatAsn(one.asn, one.asName)}</td>
        </tr>
      ))}
    </>
  );
}
