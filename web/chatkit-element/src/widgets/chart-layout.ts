/** Works out where the bars, lines, areas and ticks of a chart are. Pure: D3's scales and curves, no element. */

import { type ScaleBand, scaleBand, type ScaleLinear, scaleLinear } from "d3-scale";
import {
  area as makeArea, curveBasis, curveBasisClosed, curveBasisOpen, curveBumpX, curveBumpY, type CurveFactory, curveLinear,
  curveLinearClosed, curveMonotoneX, curveMonotoneY, curveNatural, curveStep, curveStepAfter, curveStepBefore,
  line as makeLine,
} from "d3-shape";
import type { Bar, ChartInput, ChartLayout, Curve } from "./chart";

const CURVES: Record<string, CurveFactory> = {
  basis: curveBasis, basisClosed: curveBasisClosed, basisOpen: curveBasisOpen, bump: curveBumpX, bumpX: curveBumpX,
  bumpY: curveBumpY, linear: curveLinear, linearClosed: curveLinearClosed, monotone: curveMonotoneX,
  monotoneX: curveMonotoneX, monotoneY: curveMonotoneY, natural: curveNatural, step: curveStep,
  stepBefore: curveStepBefore, stepAfter: curveStepAfter,
};
/** An area is closed by its ground already. */
const OPEN: Record<string, string> = { basisClosed: "basis", linearClosed: "linear" };

const TICK_COUNT = 4;
const Y_AXIS_PX = 44;
const X_AXIS_PX = 24;
const EDGE_PX = 8;
const LABEL_PX = 64;
/** A bar is never thinner, nor so wide that it looks like a wall. */
const BAR_PX_MIN = 1;
const BAR_PX_MAX = 72;

/** From where to where a value reaches; null where the row has no number. */
type Extent = readonly [from: number, to: number] | null;

export function layOut(input: ChartInput): ChartLayout {
  const { rows, width, height } = input;
  const extents = extentsOf(input);
  const left = input.hasYAxis ? Y_AXIS_PX : EDGE_PX;
  const right = Math.max(left + 1, width - EDGE_PX);
  const bottom = Math.max(EDGE_PX + 1, height - (input.hasXAxis ? X_AXIS_PX : EDGE_PX));
  const all = extents.flat().filter((extent) => extent !== null).flat();
  const y = scaleLinear([Math.min(0, ...all), Math.max(0, ...all) || 1], [bottom, EDGE_PX]).nice(TICK_COUNT);
  const x = scaleBand(rows.map((_row, index) => index), [left, right]);
  const reach = x.bandwidth() / 2;
  const middles = rows.map((_row, index) => (x(index) ?? left) + reach);
  const points = extents.map((ofSeries) => ofSeries.map((extent, row) => extent && { x: middles[row] as number, y: y(extent[1]) }));
  const every = Math.max(1, Math.ceil(rows.length / Math.max(1, (right - left) / LABEL_PX)));
  return {
    bars: barsOf(input, extents, x, y),
    curves: curvesOf(input, extents, middles, y),
    middles,
    reach,
    labelled: rows.map((_row, index) => index).filter((index) => index % every === 0),
    ticks: y.ticks(TICK_COUNT).map((value) => ({ value, y: y(value) })),
    baseline: y(0),
    left,
    right,
    points,
  };
}

/** Series of one kind and one stack stand upon each other, those above zero and those below it apart. */
function extentsOf({ rows, series }: ChartInput): Extent[][] {
  const ends = new Map<string, number>();
  return series.map(({ dataKey = "", stack, type }) =>
    rows.map((row, index) => {
      const value = numberOf(row[dataKey]);
      if (value === null) return null;
      if (stack === undefined || type === "line") return [0, value];
      const place = `${type} ${value < 0 ? "-" : "+"} ${index} ${stack}`;
      const from = ends.get(place) ?? 0;
      ends.set(place, from + value);
      return [from, from + value];
    }),
  );
}

/** Templates write numbers as text as well. */
function numberOf(value: unknown): number | null {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : null;
}

function barsOf({ series, barGap, barCategoryGap }: ChartInput, extents: Extent[][], x: ScaleBand<number>, y: ScaleLinear<number, number>): Bar[] {
  const groups = [...new Set(series.flatMap((one, index) => (one.type === "bar" ? [one.stack ?? `#${index}`] : [])))];
  const room = x.bandwidth() - Math.min(x.bandwidth() * 0.8, barCategoryGap ?? x.bandwidth() * 0.2);
  const width = Math.min(BAR_PX_MAX, Math.max(BAR_PX_MIN, (room - barGap * (groups.length - 1)) / Math.max(1, groups.length)));
  const used = width * groups.length + barGap * (groups.length - 1);
  return series.flatMap((one, index) => {
    if (one.type !== "bar") return [];
    const group = groups.indexOf(one.stack ?? `#${index}`);
    return (extents[index] ?? []).flatMap((extent, row) => {
      if (extent === null) return [];
      const [from, to] = [y(extent[0]), y(extent[1])];
      const start = (x(row) ?? 0) + (x.bandwidth() - used) / 2 + group * (width + barGap);
      return [{ series: index, row, x: start, y: Math.min(from, to), width, height: Math.abs(from - to) }];
    });
  });
}

function curvesOf({ series }: ChartInput, extents: Extent[][], middles: number[], y: ScaleLinear<number, number>): Curve[] {
  return series.flatMap((one, index) => {
    if (one.type === "bar" || one.type === undefined) return [];
    const isArea = one.type === "area";
    const name = one.curveType ?? "monotone";
    const curve = CURVES[isArea ? (OPEN[name] ?? name) : name] as CurveFactory;
    const ofSeries = extents[index] as Extent[];
    const isThere = (extent: Extent) => extent !== null;
    const xOf = (_extent: Extent, row: number) => middles[row] as number;
    const top = (extent: Extent) => y(extent?.[1] ?? 0);
    const line = makeLine<Extent>().defined(isThere).curve(curve).x(xOf).y(top)(ofSeries) ?? "";
    const ground = makeArea<Extent>().defined(isThere).curve(curve).x(xOf).y1(top).y0((extent) => y(extent?.[0] ?? 0));
    return [{ series: index, line, area: isArea ? (ground(ofSeries) ?? "") : null }];
  });
}
