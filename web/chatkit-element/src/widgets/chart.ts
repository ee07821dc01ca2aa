/** What a chart is drawn from, and the module that works it out, which is loaded with the first chart. */

import { lazyModule } from "../markdown/lazy-module";
import type { SeriesProperties } from "./schema";

export interface ChartInput {
  rows: readonly Record<string, unknown>[];
  series: readonly SeriesProperties[];
  xKey: string;
  /** In px; undefined is a fifth of what a category has. */
  barCategoryGap: number | undefined;
  barGap: number;
  width: number;
  height: number;
  hasXAxis: boolean;
  hasYAxis: boolean;
}

export interface Bar {
  series: number;
  row: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Curve {
  series: number;
  /** The `d` of the line. */
  line: string;
  /** The `d` of the ground below it; null for a line. */
  area: string | null;
}

export interface ChartLayout {
  bars: Bar[];
  curves: Curve[];
  /** The middle of each row's category, and half of its width. */
  middles: number[];
  reach: number;
  /** Rows whose names are written below: as many as there is room for. */
  labelled: number[];
  ticks: { value: number; y: number }[];
  /** Where zero is. */
  baseline: number;
  left: number;
  right: number;
  /** Tops of what a row shows, for the marks of lines and areas: by series. */
  points: ({ x: number; y: number } | null)[][];
}

declare const CHART_MODULE: string;

export const loadChart = lazyModule<{ layOut: (input: ChartInput) => ChartLayout }>(() => CHART_MODULE);
