import type { Ref } from "preact";
import { definedStyle, textStyle } from "../../widgets/box-style";
import type { EditableProperties, Properties } from "../../widgets/schema";
import { autofill, selectOnFocus, useAutoFocus, useFieldIdentity, validPattern } from "./field-props";

interface Props {
  properties: Properties<"Text">;
  editable: EditableProperties;
  name: string;
}

/** Text that is changed where it stands: a field that looks like the text. With more than one line it grows with it. */
export function EditableText({ properties, editable, name }: Props) {
  const { minLines = 1, maxLines = minLines, size = "md", italic, lineThrough, width } = properties;
  const identity = useFieldIdentity(name, editable.placeholder);
  const field = useAutoFocus(editable.autoFocus, editable.autoSelect);
  const isLong = minLines > 1 || maxLines > 1;
  const attributes = {
    ...identity,
    ...autofill(editable.allowAutofillExtensions, editable.autoComplete),
    class: `w-text w-editable ${size} ${italic ? "italic" : ""} ${lineThrough ? "struck" : ""}`,
    style: {
      ...textStyle({ ...properties, maxLines: undefined }),
      ...definedStyle({ width, minHeight: isLong ? `calc(${minLines}lh + 10px)` : undefined, maxHeight: isLong ? `calc(${maxLines}lh + 10px)` : undefined }),
    },
    dir: "auto" as const,
    placeholder: editable.placeholder,
    required: editable.required,
    onFocus: selectOnFocus(editable.autoSelect),
  };
  if (isLong) return <textarea {...attributes} ref={field as Ref<HTMLTextAreaElement>} rows={minLines} defaultValue={properties.value} />;
  return <input {...attributes} ref={field as Ref<HTMLInputElement>} type="text" pattern={validPattern(editable.pattern)} defaultValue={properties.value} />;
}
