/** A chart: drawn as SVG in the widget's colours, read out as a table, walked through with the arrow keys. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { definedStyle, sizeStyle } from "../../widgets/box-style";
import { type ChartInput, type ChartLayout, loadChart } from "../../widgets/chart";
import { CHART_COLORS } from "../../widgets/css-values";
import type { Properties, SeriesProperties } from "../../widgets/schema";
import { useLocale } from "../context";
import type { NodeProps } from "./host";

const HEIGHT_PX = 220;
const MARK_PX = 4;

type LayOut = (input: ChartInput) => ChartLayout;

export function Chart({ properties }: NodeProps<"Chart">) {
  const { text } = useLocale();
  const data = useMemo(() => chartOf(properties), [properties]);
  const layOut = useChartModule();
  const frame = useRef<HTMLDivElement>(null);
  const [width, height] = useSize(frame);
  const layout = useMemo(() => (layOut && width > 0 ? layOut({ ...data.input, width, height }) : null), [layOut, data, width, height]);
  const [active, setActive] = useState<number | null>(null);
  const isTold = properties.showTooltip !== false;
  const label = `${text("chart")}: ${data.input.series.map((series) => series.label ?? series.dataKey).join(", ")}`;
  const moveBy = (event: KeyboardEvent) => {
    const next = nextRow(event.key, active, data.input.rows.length);
    if (next === undefined) return;
    event.preventDefault();
    setActive(next);
  };
  const point = (event: PointerEvent) => {
    if (!layout || !frame.current) return;
    const x = event.clientX - frame.current.getBoundingClientRect().left;
    const row = layout.middles.findIndex((middle) => Math.abs(middle - x) <= layout.reach);
    setActive(row === -1 ? null : row);
  };
  return (
    <figure class="w-chart" style={definedStyle({ flex: properties.flex, width: properties.width ?? properties.size })}>
      <div
        class="w-plot"
        ref={frame}
        dir="ltr"
        style={{ height: properties.aspectRatio ? "auto" : `${HEIGHT_PX}px`, ...sizeStyle({ ...properties, flex: undefined, width: undefined, size: undefined, height: properties.height ?? properties.size }) }}
        role="group"
        aria-label={label}
        tabIndex={isTold ? 0 : undefined}
        onKeyDown={isTold ? moveBy : undefined}
        onPointerMove={isTold ? point : undefined}
        onPointerLeave={() => setActive(null)}
        onBlur={() => setActive(null)}
      >
        {layout && <Plot layout={layout} data={data} width={width} height={height} active={active} />}
        {layout && active !== null && <Tooltip data={data} layout={layout} row={active} width={width} />}
      </div>
      {properties.showLegend !== false && data.input.series.length > 0 && <Legend data={data} />}
      <DataTable data={data} label={label} />
    </figure>
  );
}

interface ChartData {
  input: Omit<ChartInput, "width" | "height">;
  names: string[];
  colors: string[];
}

function chartOf({ data = [], series = [], xAxis, barGap = 4, barCategoryGap, showYAxis }: Properties<"Chart">): ChartData {
  const axis = typeof xAxis === "string" ? { dataKey: xAxis } : (xAxis ?? {});
  const labels: Record<string, string> = ("labels" in axis && axis.labels) || {};
  const xKey = axis.dataKey ?? "";
  const drawn = series.filter(({ type, dataKey }) => type !== undefined && dataKey !== undefined);
  const names = data.map((row) => {
    const name = String(row[xKey] ?? "");
    return Object.hasOwn(labels, name) ? (labels[name] as string) : name;
  });
  return {
    input: { rows: data, series: drawn, xKey, barGap, barCategoryGap, hasXAxis: !("hide" in axis && axis.hide), hasYAxis: showYAxis ?? false },
    names,
    colors: drawn.map((one, index) => one.color ?? `var(--w-${CHART_COLORS[index % CHART_COLORS.length]})`),
  };
}

function useChartModule(): LayOut | null {
  const [module, setModule] = useState<{ layOut: LayOut } | null>(null);
  useEffect(() => {
    let isWanted = true;
    loadChart().then((loaded) => isWanted && setModule(loaded), () => {}); // the table stays
    return () => {
      isWanted = false;
    };
  }, []);
  return module?.layOut ?? null;
}

function useSize(frame: { current: HTMLElement | null }): [number, number] {
  const [size, setSize] = useState<[number, number]>([0, 0]);
  useEffect(() => {
    const element = frame.current;
    if (!element || typeof ResizeObserver === "undefined") return;
    const observer = new ResizeObserver(() => setSize([element.clientWidth, element.clientHeight]));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return size;
}

function nextRow(key: string, active: number | null, count: number): number | null | undefined {
  if (count === 0) return undefined;
  const moves: Record<string, number | null> = {
    ArrowRight: active === null ? 0 : Math.min(count - 1, active + 1),
    ArrowLeft: active === null ? count - 1 : Math.max(0, active - 1),
    Home: 0,
    End: count - 1,
  };
  if (key === "Escape" && active !== null) return null;
  return moves[key];
}

interface PlotProps {
  layout: ChartLayout;
  data: ChartData;
  width: number;
  height: number;
  active: number | null;
}

function Plot({ layout, data: { input, names, colors }, width, height, active }: PlotProps) {
  const { number } = useNumbers();
  const activeX = active === null ? undefined : layout.middles[active];
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      {layout.ticks.map(({ value, y }) => (
        <g key={value}>
          <line class={value === 0 ? "zero" : "grid"} x1={layout.left} x2={layout.right} y1={y} y2={y} />
          {input.hasYAxis && <text x={layout.left - 8} y={y} dy="0.32em" text-anchor="end">{number(value)}</text>}
        </g>
      ))}
      {activeX !== undefined && <rect class="band" x={activeX - layout.reach} y={0} width={layout.reach * 2} height={layout.baseline} />}
      {layout.curves.map(({ series, area }) => area !== null && <path key={series} class="area" d={area} style={{ fill: colors[series] }} />)}
      {layout.bars.map((bar) => (
        <rect key={`${bar.series} ${bar.row}`} class="bar" x={bar.x} y={bar.y} width={bar.width} height={bar.height} rx={Math.min(3, bar.width / 4)} style={{ fill: colors[bar.series] }} />
      ))}
      {layout.curves.map(({ series, line }) => <path key={series} class="line" d={line} style={{ stroke: colors[series] }} />)}
      {active !== null && input.series.map((one, index) => {
        const point = one.type === "bar" ? null : layout.points[index]?.[active];
        return point && <circle key={index} cx={point.x} cy={point.y} r={MARK_PX} style={{ fill: colors[index] }} />;
      })}
      {input.hasXAxis && layout.labelled.map((row) => (
        <text key={row} x={layout.middles[row]} y={height - 6} text-anchor="middle">{shortened(names[row] ?? "")}</text>
      ))}
    </svg>
  );
}

const NAME_LENGTH_MAX = 12;
const shortened = (name: string) => (name.length > NAME_LENGTH_MAX ? `${name.slice(0, NAME_LENGTH_MAX - 1)}…` : name);

/** Numbers as the reader writes them; long ones short. */
function useNumbers() {
  const { tag } = useLocale();
  return useMemo(() => {
    const short = new Intl.NumberFormat(tag, { notation: "compact", maximumFractionDigits: 2 });
    const whole = new Intl.NumberFormat(tag, { maximumFractionDigits: 4 });
    const said = (value: unknown) => (typeof value === "number" ? whole.format(value) : typeof value === "string" ? value : "–");
    return { number: (value: number) => short.format(value), said };
  }, [tag]);
}

const nameOf = (series: SeriesProperties) => series.label ?? series.dataKey ?? "";

function Tooltip({ data: { input, names, colors }, layout, row, width }: { data: ChartData; layout: ChartLayout; row: number; width: number }) {
  const { said } = useNumbers();
  const { direction } = useLocale();
  const x = layout.middles[row] ?? 0;
  return (
    <div class="w-tooltip" role="status" dir={direction} style={x > width / 2 ? { right: `${width - x + 10}px` } : { left: `${x + 10}px` }}>
      <strong><bdi>{names[row]}</bdi></strong>
      {input.series.map((series, index) => (
        <span key={index}>
          <Swatch color={colors[index]} />
          <bdi>{nameOf(series)}</bdi> <b>{said(input.rows[row]?.[series.dataKey ?? ""])}</b>
        </span>
      ))}
    </div>
  );
}

const Swatch = ({ color }: { color: string | undefined }) => <i class="w-swatch" style={definedStyle({ background: color })} />;

const Legend = ({ data: { input, colors } }: { data: ChartData }) => (
  <ul class="w-legend" aria-hidden="true">
    {input.series.map((series, index) => (
      <li key={index}><Swatch color={colors[index]} /><bdi>{nameOf(series)}</bdi></li>
    ))}
  </ul>
);

function DataTable({ data: { input, names }, label }: { data: ChartData; label: string }) {
  const { said } = useNumbers();
  return (
    <table class="visually-hidden">
      <caption>{label}</caption>
      <thead>
        <tr><td />{input.series.map((series, index) => <th key={index} scope="col">{nameOf(series)}</th>)}</tr>
      </thead>
      <tbody>
        {input.rows.map((row, index) => (
          <tr key={index}>
            <th scope="row">{names[index]}</th>
            {input.series.map((series, at) => <td key={at}>{said(row[series.dataKey ?? ""])}</td>)}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
