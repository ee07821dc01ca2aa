import { describe, expect, test } from "vitest";
import type { ChartInput } from "../src/widgets/chart";
import { layOut } from "../src/widgets/chart-layout";

const rows = [{ m: "a", x: 1, y: 3 }, { m: "b", x: 2, y: "4" }, { m: "c", x: null, y: -2 }];
const chart = (changes: Partial<ChartInput>): ChartInput => ({
  rows, series: [], xKey: "m", barGap: 4, barCategoryGap: undefined, width: 300, height: 200, hasXAxis: true, hasYAxis: true, ...changes,
});

describe("a chart", () => {
  test("bars of one stack stand upon each other, others beside each other", () => {
    const stacked = layOut(chart({ series: [{ type: "bar", dataKey: "x", stack: "s" }, { type: "bar", dataKey: "y", stack: "s" }] }));
    const [lower, upper] = [stacked.bars.find((bar) => bar.series === 0 && bar.row === 0), stacked.bars.find((bar) => bar.series === 1 && bar.row === 0)];
    expect(upper?.x).toBe(lower?.x);
    expect((upper?.y ?? 0) + (upper?.height ?? 0)).toBeCloseTo(lower?.y ?? 0);
    const beside = layOut(chart({ series: [{ type: "bar", dataKey: "x" }, { type: "bar", dataKey: "y" }] }));
    const [first, second] = beside.bars.filter((bar) => bar.row === 0).sort((a, b) => a.x - b.x);
    expect(second?.x).toBeCloseTo((first?.x ?? 0) + (first?.width ?? 0) + 4);
  });

  test("a value that is no number leaves a gap, one below zero hangs from zero, text that is a number counts", () => {
    const { bars, baseline, ticks } = layOut(chart({ series: [{ type: "bar", dataKey: "x" }, { type: "bar", dataKey: "y" }] }));
    expect(bars).toHaveLength(5);
    expect(bars.find((bar) => bar.row === 2)?.y).toBeCloseTo(baseline);
    expect(ticks.map(({ value }) => value)).toEqual(expect.arrayContaining([-2, 0, 4]));
  });

  const CURVES = ["basis", "basisClosed", "basisOpen", "bumpX", "bumpY", "bump", "linear", "linearClosed", "natural", "monotoneX", "monotoneY", "monotone", "step", "stepBefore", "stepAfter"] as const;
  test.each(CURVES)("curve %s", (curveType) => {
    const four = [...rows, { m: "d", x: 5, y: 1 }];
    const { curves } = layOut(chart({ rows: four, series: [{ type: "line", dataKey: "y", curveType }, { type: "area", dataKey: "y", curveType }] }));
    expect(curves[0]).toMatchObject({ area: null, line: expect.stringMatching(/^M[\d.,-]+[LC]/) });
    expect(curves[1]?.area).toMatch(/Z$/);
    expect(JSON.stringify(curves)).not.toMatch(/NaN|Infinity/);
  });

  test("nothing to show, or no room, is no failure", () => {
    for (const input of [chart({ rows: [] }), chart({ series: [{ type: "bar", dataKey: "nothing" }] }), chart({ width: 1, height: 1, series: [{ type: "area", dataKey: "y" }] }), chart({ barCategoryGap: 100, series: [{ type: "bar", dataKey: "y" }] })]) {
      const laid = layOut(input);
      expect(JSON.stringify(laid)).not.toMatch(/NaN|Infinity/);
      expect(laid.bars.every(({ width, height }) => width > 0 && height >= 0)).toBe(true);
    }
  });

  test("names are written where there is room for them", () => {
    const many = Array.from({ length: 100 }, (_, index) => ({ m: `day ${index}`, x: index }));
    const { labelled } = layOut(chart({ rows: many, series: [{ type: "line", dataKey: "x" }] }));
    expect(labelled.length).toBeLessThanOrEqual(5);
    expect(labelled[0]).toBe(0);
  });
});
