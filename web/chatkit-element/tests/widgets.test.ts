import { describe, expect, test } from "vitest";
import { boxStyle } from "../src/widgets/box-style";
import { fieldValues, readAction, withFields } from "../src/widgets/actions";
import * as css from "../src/widgets/css-values";
import { childrenOf, COMPONENTS, fallbackText, labelledFields, readNode } from "../src/widgets/schema";
import { reduceThread } from "../src/state/thread-reducer";
import { EMPTY_THREAD } from "../src/state/thread-state";
import type { ItemUpdate, WidgetItem } from "../src/protocol/types";
import gallery from "../gallery/widgets.json";
import sdk from "./widget-properties.json";

describe("the table of components", () => {
  test("has every component of the Python SDK, and every property", () => {
    const missing = Object.entries(sdk).flatMap(([name, properties]) => {
      const known = (COMPONENTS as unknown as Record<string, object>)[name] ?? {};
      return properties.filter((property) => !["id", "key", "type", "children"].includes(property) && !(property in known)).map((property) => `${name}.${property}`);
    });
    expect(missing).toEqual([]);
  });

  test("reads everything that the gallery says", () => {
    const walk = (value: unknown): unknown[] => [value, ...childrenOf(value).flatMap(walk)];
    const known = gallery.flatMap(({ widget }) => walk(widget)).flatMap((value) => {
      const node = readNode(value);
      return node ? [[value as Record<string, unknown>, node] as const] : [];
    });
    const dropped = known.flatMap(([value, { name, properties }]) =>
      Object.keys(value)
        .filter((key) => !["type", "children", "key", "id"].includes(key) && (properties as Record<string, unknown>)[key] === undefined)
        .map((key) => `${name}.${key} ${JSON.stringify(value[key])}`),
    );
    expect(dropped).toEqual([]);
    expect(new Set(known.map(([, { name }]) => name))).toEqual(new Set(Object.keys(COMPONENTS)));
  });

  test("leaves out what it does not allow, and knows no other types", () => {
    expect(readNode({ type: "Text", value: 5, size: "huge", maxLines: 1.5, italic: "yes" })?.properties).toMatchObject({ value: "5", size: undefined, maxLines: undefined, italic: undefined });
    expect(readNode({ type: "Input", inputType: "file", name: "x" })?.properties).toMatchObject({ inputType: undefined });
    for (const value of [null, 7, "Text", [], {}, { type: "toString" }, { type: "constructor" }, { type: ["Text"] }]) expect(readNode(value)).toBeNull();
    expect([fallbackText({ label: "a" }), fallbackText("b"), fallbackText({ value: {} }), fallbackText(null)]).toEqual(["a", "b", null, null]);
  });

  test("children are a list, one component or nothing, and not without end", () => {
    expect(childrenOf({ children: { type: "Text" } })).toHaveLength(1);
    expect(childrenOf({ children: null })).toHaveLength(0);
    expect(childrenOf({ children: Array.from({ length: 5_000 }) })).toHaveLength(1_000);
    let deep: unknown = { type: "Label", fieldName: "deep" };
    for (let level = 0; level < 10_000; level++) deep = { type: "Box", children: [deep] };
    expect(labelledFields(deep)).toEqual([]);
    expect(labelledFields({ type: "Form", children: [{ type: "Label", fieldName: "name" }] })).toEqual(["name"]);
  });
});

describe("CSS values", () => {
  const HOSTILE = [
    "url(https://evil.example/)", "red; background: url(x)", "var(--x, url(x))", "expression(alert(1))", "calc(1px + 1px)", "-4px", -4,
    "1px;}", "1e9px", 1e9, Infinity, NaN, "image-set('x')", "env(x)", "attr(x)", "javascript:alert(1)", "</style>", "\\75rl(x)", "/*", {}, [], true,
    "rgb(0 0 0 / url(x))", "color-mix(in srgb, red, blue)", "#12", "red blue", "light-dark(red, blue)", "a".repeat(500), "9".repeat(500),
  ];
  const readers = Object.entries(css).filter(([name]) => !["isObject", "CHART_COLORS"].includes(name)) as [string, css.Reader<unknown>][];

  test.each(readers)("%s takes nothing of what is hostile", (_name, read) => {
    const taken = HOSTILE.map((value) => read(value)).filter((value) => value !== undefined);
    expect(taken.filter((value) => typeof value === "string" || Object.values(value as object).some((side) => side !== undefined))).toEqual([]);
  });

  test("lengths, spacing, borders and shares", () => {
    expect([css.dimension(40), css.dimension("50%"), css.dimension("12"), css.dimension(" 1.5rem "), css.dimension("auto")]).toEqual(["40px", "50%", "12px", "1.5rem", "auto"]);
    expect([css.gap(2), css.gap("8px 4px"), css.gap("1px 2px 3px")]).toEqual(["8px", "8px 4px", undefined]);
    expect(css.spacing({ x: 2, top: "3px", left: 1 })).toEqual({ top: "3px", bottom: undefined, start: "4px", end: "8px" });
    expect(css.spacing("1px 2px")).toEqual({ top: "1px", end: "2px", bottom: "1px", start: "2px" });
    expect(css.border(1)?.top).toBe("1px solid var(--line)");
    expect(css.border({ size: 2, color: "red-500", style: "dashed" })?.start).toMatch(/^2px dashed oklch\(/);
    expect(css.border({ x: 1 })).toEqual({ top: undefined, bottom: undefined, start: "1px solid var(--line)", end: "1px solid var(--line)" });
    expect([css.flex(1), css.flex("1 1 0"), css.flex("auto"), css.flex("1 1 calc(1px)")]).toEqual(["1", "1 1 0", "auto", undefined]);
    expect([css.aspectRatio(1.5), css.aspectRatio("16/9"), css.aspectRatio("0")]).toEqual(["1.5", "16/9", undefined]);
    expect([css.radius("md"), css.radius("100%"), css.radius("toString")]).toEqual(["calc(8px * var(--w-roundness))", "100%", undefined]);
  });

  test("colours are tokens, steps of a hue, CSS colours, or one for each scheme", () => {
    expect(css.textColor("secondary")).toBe("var(--muted)");
    expect(css.backgroundColor("surface-tertiary")).toBe("var(--w-surface-3)");
    expect([css.textColor("#0f5"), css.textColor("rebeccapurple"), css.textColor("rgb(1 2 3 / 50%)"), css.textColor("hsl(120deg, 50%, 50%)")]).toEqual(["#0f5", "rebeccapurple", "rgb(1 2 3 / 50%)", "hsl(120deg, 50%, 50%)"]);
    expect([css.textColor("blue-0"), css.textColor("red-2000"), css.textColor("mauve-100"), css.textColor("__proto__-1")]).toEqual(["oklch(100.0% 0.012 258)", undefined, undefined, undefined]);
    expect(css.textColor({ light: "primary", dark: "#fff" })).toBe("light-dark(var(--text), #fff)");
    expect(css.textColor({ light: "url(x)", dark: "#fff" })).toBe("#fff");
  });

  test("a box is what its properties say, for lines that begin on either side", () => {
    const node = readNode({ type: "Row", align: "start", justify: "between", padding: { left: 2 }, size: 40, border: 1 });
    expect(boxStyle(node?.properties as never)).toMatchObject({ alignItems: "flex-start", justifyContent: "space-between", paddingInlineStart: "8px", width: "40px", height: "40px", borderInlineEnd: "1px solid var(--line)" });
  });
});

describe("actions", () => {
  test("are read with their defaults", () => {
    expect(readAction({ type: "x" })).toEqual({ type: "x", payload: undefined, handler: "server", loadingBehavior: undefined, streaming: true });
    expect(readAction({ type: "x", handler: "client", loadingBehavior: "auto", streaming: false })).toMatchObject({ handler: "client", loadingBehavior: undefined, streaming: false });
    expect([readAction(null), readAction({}), readAction({ type: 5 })]).toEqual([undefined, undefined, undefined]);
  });

  test("the fields of a form go into the payload under their names", () => {
    const config = { id: 7, todo: { id: 8 } };
    const { payload, collisions } = withFields(config, new Map([["title", "Milk"], ["todo.title", "Tea"], ["id", "9"], ["a.b.c", "deep"], ["id.x", "no"]]));
    expect(payload).toEqual({ id: 7, title: "Milk", todo: { id: 8, title: "Tea" }, a: { b: { c: "deep" } } });
    expect(collisions).toEqual(["id", "id.x"]);
    expect(config).toEqual({ id: 7, todo: { id: 8 } });
    expect(withFields(undefined, new Map([["a", true]])).payload).toEqual({ a: true });
    expect(withFields("text", new Map([["a", null]]))).toEqual({ payload: "text", collisions: ["a"] });
    expect(withFields(undefined, new Map())).toEqual({ payload: undefined, collisions: [] });
  });

  test("no name reaches what all objects share", () => {
    const names = ["__proto__.polluted", "constructor.prototype.polluted", "a.__proto__.polluted", "__proto__"];
    expect(withFields({}, new Map(names.map((name) => [name, "yes"]))).collisions).toEqual(names);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  test("fields hold text, true or false, a choice, or none", () => {
    const form = document.createElement("form");
    const put = (tag: string, properties: object, name: string) => {
      const field = Object.assign(document.createElement(tag), properties);
      field.dataset["field"] = name;
      form.append(field);
    };
    put("input", { value: "12" }, "amount");
    put("input", { type: "checkbox" }, "tick");
    put("input", { type: "radio", name: "r", value: "a" }, "radio");
    put("input", { type: "radio", name: "r", value: "b", checked: true }, "radio");
    put("input", { type: "radio", name: "s", value: "c" }, "none");
    put("input", { type: "date" }, "due");
    put("select", {}, "choice");
    put("textarea", { value: "" }, "text");
    put("input", { value: "x", disabled: true }, "off");
    expect(Object.fromEntries(fieldValues(form))).toEqual({ amount: "12", tick: false, radio: "b", none: null, due: null, choice: null, text: "" });
  });
});

describe("updates of a widget", () => {
  const text = { type: "Text", id: "t", value: "a", streaming: true };
  const still = { type: "Row", children: [{ type: "Text", value: "still" }] };
  const item: WidgetItem = { type: "widget", id: "w", thread_id: "t", created_at: "", widget: { type: "Card", children: [still, { type: "Transition", children: text }] } };
  const after = (update: ItemUpdate) => {
    const state = reduceThread({ ...EMPTY_THREAD, items: [item] }, { type: "thread.item.updated", item_id: "w", update });
    return (state.items[0] as WidgetItem).widget as { children: unknown[] };
  };

  test("reach a component that stands alone in another, and leave the others the same objects", () => {
    const widget = after({ type: "widget.streaming_text.value_delta", component_id: "t", delta: "b", done: true });
    expect(widget.children[1]).toEqual({ type: "Transition", children: { ...text, value: "ab", streaming: false } });
    expect(widget.children[0]).toBe(still);
  });

  test("replace a component, the whole, or nothing", () => {
    expect(after({ type: "widget.component.updated", component_id: "t", component: { type: "Badge", label: "x" } }).children[1]).toEqual({ type: "Transition", children: { type: "Badge", label: "x" } });
    expect(after({ type: "widget.root.updated", widget: { type: "Basic" } })).toEqual({ type: "Basic" });
    expect(after({ type: "widget.component.updated", component_id: "nobody", component: {} })).toBe(item.widget);
  });
});
