import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { definedStyle, paddingStyle } from "../../widgets/box-style";
import { useLocale } from "../context";
import type { NodeProps } from "./host";

const IsHeader = createContext(false);

export function Table({ children }: NodeProps<"Table">) {
  const { text } = useLocale();
  return (
    <div class="table-scroll w-table" tabIndex={0} role="group" aria-label={text("table")}>
      <table>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

export const TableRow = ({ properties, children }: NodeProps<"Table.Row">) => (
  <IsHeader.Provider value={properties.header ?? false}>
    <tr>{children}</tr>
  </IsHeader.Provider>
);

const VERTICAL = { start: "top", center: "middle", end: "bottom" } as const;

export function TableCell({ properties, children }: NodeProps<"Table.Cell">) {
  const { width, padding, colSpan, rowSpan, align, vAlign, colSize } = properties;
  const isHeader = useContext(IsHeader);
  const attributes = {
    class: colSize ? `col-${colSize}` : "",
    colSpan: colSpan || undefined,
    rowSpan: rowSpan || undefined,
    style: { ...definedStyle({ width, textAlign: align, verticalAlign: vAlign && VERTICAL[vAlign] }), ...paddingStyle(padding) },
  };
  return isHeader ? <th {...attributes} scope="col">{children}</th> : <td {...attributes}>{children}</td>;
}
