/** A component of a widget, drawn by its type. One of an unknown type is drawn as what is in it, or as its text. */

import { type ComponentChildren, type ComponentType, createElement, type VNode } from "preact";
import { useMemo } from "preact/hooks";
import { childrenOf, type ComponentName, DEPTH_MAX, fallbackText, readNode } from "../../widgets/schema";
import { isObject } from "../../widgets/css-values";
import { memo } from "../memo";
import { Card } from "./card";
import { Chart } from "./chart";
import { Checkbox, DatePicker, Input, RadioGroup, Select, Textarea } from "./fields";
import { Badge, Icon, Image, Markdown } from "./content";
import { Button } from "./button";
import { type NodeProps, useHost } from "./host";
import { Basic, Box, Col, Divider, Form, Row, Spacer, Transition } from "./layout";
import { ListView, ListViewItem } from "./list";
import { Table, TableCell, TableRow } from "./table";
import { Caption, Label, Text, Title } from "./text";

const VIEWS: { [N in ComponentName]: ComponentType<NodeProps<N>> } = {
  Card, ListView, ListViewItem, Basic, Box, Row, Col, Form, Spacer, Divider, Transition, Text, Title, Caption, Label,
  Markdown, Badge, Icon, Image, Button, Input, Textarea, Select, DatePicker, Checkbox, RadioGroup, Table,
  "Table.Row": TableRow, "Table.Cell": TableCell, Chart,
};

/** What people work with; of a widget that is only looked at it is left out. */
const CONTROLS: ReadonlySet<ComponentName> = new Set(["Button", "Input", "Textarea", "Select", "DatePicker", "Checkbox", "RadioGroup"]);

/** The parts of a widget that did not change are the same objects, and are not drawn again. */
export const Node = memo(({ value, depth }: { value: unknown; depth: number }) => {
  const node = useMemo(() => readNode(value), [value]);
  const isLookedAt = useHost().perform === null;
  if (depth > DEPTH_MAX) return <Fallback value={value} />;
  const children = childVNodes(childrenOf(value), depth + 1);
  if (!node) return children.length > 0 ? <div class="w-box col">{children}</div> : <Fallback value={value} />;
  if (isLookedAt && CONTROLS.has(node.name)) return null;
  return createElement(VIEWS[node.name] as ComponentType<NodeProps<ComponentName>>, { properties: node.properties, children });
});

function childVNodes(values: readonly unknown[], depth: number): VNode[] {
  const seen = new Set<string>();
  return values.map((value, index) => {
    const key = keyOf(value, index);
    const isNew = !seen.has(key);
    seen.add(key);
    return <Node key={isNew ? key : `#${index}`} value={value} depth={depth} />;
  });
}

/** A component keeps its state, and what was typed into it, for as long as there is one of its key and type. */
function keyOf(value: unknown, index: number): string {
  if (!isObject(value)) return `#${index}`;
  const { key, id, type } = value;
  return `${String(type)}:${typeof key === "string" ? key : typeof id === "string" ? id : `#${index}`}`;
}

function Fallback({ value }: { value: unknown }): ComponentChildren {
  const text = fallbackText(value);
  return text === null ? null : <p class="w-text md"><bdi>{text}</bdi></p>;
}
