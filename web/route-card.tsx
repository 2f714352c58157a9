// The graph of a route with what it takes to read it: legend, and hops of one AS drawn apart or as one.

import type { ComponentChildren, JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import type { ApiRoute } from '../src/http/api-shapes.ts';
import { DELAY_STEPS } from './delay-scale.ts';
import { PathGraph } from './path-graph.tsx';
import { collapseByAs, routeModel } from './route-model.ts';

export interface RouteCardProps {
  readonly route: ApiRoute;
  /** Pictures of one name keep their order. */
  readonly picture: string;
  readonly collapsed: boolean;
  readonly onCollapse: (collapsed: boolean) => void;
  readonly hop: number | null;
  readonly onHop: (ttl: number) => void;
  /** What period it is of. */
  readonly children?: ComponentChildren;
}

export function RouteCard({
  route,
  picture,
  collapsed,
  onCollapse,
  hop,
  onHop,
  children,
}: RouteCardProps): JSX.Element {
  const whole = useMemo(() => routeModel(route), [route]);
  const model = useMemo(() => (collapsed ? collapseByAs(whole) : whole), [whole, collapsed]);
  const systems = whole.nodes.some(({ asn }) => asn !== null);
  return (
    <section class="card" aria-labelledby="graph-title">
      <div class="card-head">
        <h2 id="graph-title">Path graph</h2>
        {children}
        {systems ? (
          <button type="button" aria-pressed={collapsed} onClick={() => onCollapse(!collapsed)}>
            Collapse by AS
          </button>
        ) : null}
      </div>
      <PathGraph
        model={model}
        label="Path graph: vantage point left, destination right; arrow keys move between hops, the table below has the same in figures"
        hop={hop}
        onHop={onHop}
        picture={`${picture} ${collapsed}`}
      />
      <Legend />
    </section>
  );
}

function Legend(): JSX.Element {
  return (
    <ul class="legend" aria-label="Legend">
      <li>
        <svg viewBox="0 0 26 10" aria-hidden="true" class="links">
          <path d="M1 5h8" stroke-width="2" class="sample" />
          <path d="M13 5h12" stroke-width="8" class="sample" />
        </svg>
        width: share of traces
      </li>
      <li>
        delay added
        {DELAY_STEPS.map((text, i) => (
          <span key={text} class="step">
            <svg viewBox="0 0 16 10" aria-hidden="true" class={`links link delay${i}`}>
              <path d="M0 5h16" stroke-width="5" />
            </svg>
            {text}
          </span>
        ))}
      </li>
      <li>
        <svg viewBox="0 0 20 20" aria-hidden="true">
          <circle class="ring-ground" cx="10" cy="10" r="8" />
          <circle class="ring" cx="10" cy="10" r="8" stroke-dasharray="18 60" transform="rotate(-90 10 10)" />
        </svg>
        ring: lost from here on
      </li>
      <li>
        <svg viewBox="0 0 20 20" aria-hidden="true" class="nodes">
          <g class="node is-silent">
            <circle class="shape" cx="10" cy="10" r="7" />
          </g>
        </svg>
        silent
      </li>
    </ul>
  );
}
