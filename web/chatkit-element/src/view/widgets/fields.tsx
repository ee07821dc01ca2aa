/** Fields of forms. Each is the browser's own control: keyboards, screen readers, phones and validation know it. */

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { definedStyle } from "../../widgets/box-style";
import { type ActionConfig, valueOf } from "../../widgets/actions";
import type { ChoiceProperties, FieldProperties, OptionProperties } from "../../widgets/schema";
import { useLocale } from "../context";
import { Icon } from "../icon";
import { autofill, selectOnFocus, useAutoFocus, useFieldIdentity, validPattern } from "./field-props";
import { useAction, useHost, type NodeProps } from "./host";

type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

/** Reports a new value, with the values of the form around the field or, without one, under the field's own name. */
function useChange(action: ActionConfig | undefined, name: string) {
  const bound = useAction(action, "none");
  return { isBusy: bound?.isBusy ?? false, report: (field: Field) => bound?.perform(field, [name, valueOf(field)]) };
}

function fieldLook({ variant = "outline", size = "lg", gutterSize }: FieldProperties, more = ""): string {
  return `w-field ${variant} size-${size} ${gutterSize ? `gutter-${gutterSize}` : ""} ${more}`;
}

export function Input({ properties }: NodeProps<"Input">) {
  const { name = "", inputType = "text", pattern, pill, autoSelect } = properties;
  const identity = useFieldIdentity(name, properties.placeholder);
  const field = useAutoFocus<HTMLInputElement>(properties.autoFocus, autoSelect);
  return (
    <input
      {...identity}
      {...autofill(properties.allowAutofillExtensions)}
      ref={field}
      class={fieldLook(properties, pill ? "pill" : "")}
      type={inputType as "text"}
      step={inputType === "number" ? "any" : undefined}
      dir="auto"
      defaultValue={properties.defaultValue}
      placeholder={properties.placeholder}
      pattern={validPattern(pattern)}
      required={properties.required}
      disabled={properties.disabled}
      onFocus={selectOnFocus(autoSelect)}
    />
  );
}

export function Textarea({ properties }: NodeProps<"Textarea">) {
  const { name = "", rows = 3, maxRows, autoResize, autoSelect } = properties;
  const identity = useFieldIdentity(name, properties.placeholder);
  const field = useAutoFocus<HTMLTextAreaElement>(properties.autoFocus, autoSelect);
  return (
    <textarea
      {...identity}
      {...autofill(properties.allowAutofillExtensions)}
      ref={field}
      class={fieldLook(properties, autoResize ? "growing" : "")}
      style={definedStyle({ minHeight: `calc(${rows}lh + 14px)`, maxHeight: maxRows && `calc(${Math.max(rows, maxRows)}lh + 14px)` })}
      rows={rows}
      dir="auto"
      defaultValue={properties.defaultValue}
      placeholder={properties.placeholder}
      required={properties.required}
      disabled={properties.disabled}
      onFocus={selectOnFocus(autoSelect)}
    />
  );
}

/** A chosen value, a sign on the right, and a button that takes it back. */
function Choice({ properties, hasValue, isBusy, onClear, children }: {
  properties: ChoiceProperties;
  hasValue: boolean;
  isBusy: boolean;
  onClear: (field: Field) => void;
  children: ComponentChildren;
}) {
  const { text } = useLocale();
  const { variant = "outline", size = "lg", pill, block, clearable, disabled } = properties;
  const clear = (event: { currentTarget: Element }) => {
    const field = event.currentTarget.parentElement?.querySelector<Field>("[data-field]");
    if (!field) return;
    field.value = "";
    field.focus();
    onClear(field);
  };
  return (
    <span class={`w-choice ${variant} size-${size} ${pill ? "pill" : ""} ${block ? "block" : ""}`}>
      {children}
      {isBusy && <Icon name="lucide:loader-circle" class="spin" />}
      {clearable && hasValue && !disabled && (
        <button type="button" class="icon-button" aria-label={text("clear")} title={text("clear")} onClick={clear}>
          <Icon name="lucide:x" />
        </button>
      )}
    </span>
  );
}

export function Select({ properties }: NodeProps<"Select">) {
  const { name = "", placeholder, defaultValue, options = [], clearable, disabled } = properties;
  const identity = useFieldIdentity(name, placeholder);
  const { isBusy, report } = useChange(properties.onChangeAction, name);
  const isOption = options.some(({ value }) => value === defaultValue);
  const [value, setValue] = useState(isOption ? (defaultValue ?? "") : "");
  const change = (field: Field) => {
    setValue(field.value);
    report(field);
  };
  return (
    <Choice properties={properties} hasValue={value !== ""} isBusy={isBusy} onClear={change}>
      <select {...identity} class={value === "" ? "empty" : ""} value={value} disabled={disabled} onChange={(event) => change(event.currentTarget)}>
        {(!isOption || clearable) && <option value="">{placeholder ?? "–"}</option>}
        {options.map((option, index) => (
          <option key={index} value={option.value} disabled={option.disabled}>
            {option.description ? `${labelOf(option)} – ${option.description}` : labelOf(option)}
          </option>
        ))}
      </select>
      <Icon name="lucide:chevron-down" class="w-choice-sign" />
    </Choice>
  );
}

const labelOf = ({ label, value }: OptionProperties) => label ?? value ?? "";

/** The browser's calendar, in the reader's language. Its value is a date (2026-01-31), whatever time the default has. */
export function DatePicker({ properties }: NodeProps<"DatePicker">) {
  const { name = "", placeholder, disabled } = properties;
  const identity = useFieldIdentity(name, placeholder);
  const { isBusy, report } = useChange(properties.onChangeAction, name);
  const [hasValue, setHasValue] = useState(dateOf(properties.defaultValue) !== undefined);
  const change = (field: Field) => {
    setHasValue(field.value !== "");
    report(field);
  };
  return (
    <Choice properties={properties} hasValue={hasValue} isBusy={isBusy} onClear={change}>
      <input
        {...identity}
        type="date"
        title={placeholder}
        defaultValue={dateOf(properties.defaultValue)}
        min={dateOf(properties.min)}
        max={dateOf(properties.max)}
        disabled={disabled}
        onChange={(event) => change(event.currentTarget)}
      />
    </Choice>
  );
}

const dateOf = (value: string | undefined) => /^\d{4}-\d{2}-\d{2}/.exec(value ?? "")?.[0];

export function Checkbox({ properties }: NodeProps<"Checkbox">) {
  const { name = "", label, defaultChecked, disabled, required } = properties;
  const { "aria-label": words, ...identity } = useFieldIdentity(name);
  const { isBusy, report } = useChange(properties.onChangeAction, name);
  const box = (
    <input
      {...identity}
      aria-label={label ? undefined : words}
      type="checkbox"
      defaultChecked={defaultChecked}
      disabled={disabled}
      required={required}
      aria-busy={isBusy || undefined}
      onChange={(event) => report(event.currentTarget)}
    />
  );
  return label ? <label class="w-check">{box}<bdi>{label}</bdi></label> : box;
}

/** The browser moves the focus with the arrow keys: all of the same name are one stop of Tab. */
export function RadioGroup({ properties }: NodeProps<"RadioGroup">) {
  const { name = "", options = [], ariaLabel, direction = "col", disabled, required, defaultValue } = properties;
  const { prefix, labelled } = useHost();
  const { "aria-label": words, id } = useFieldIdentity(name, ariaLabel);
  const { report } = useChange(properties.onChangeAction, name);
  const naming = labelled.has(name) ? { "aria-labelledby": `${prefix}-label-${name}` } : { "aria-label": words };
  return (
    <div class={`w-radios ${direction}`} role="radiogroup" aria-required={required} {...naming}>
      {options.map((option, index) => (
        <label key={index} class="w-check">
          <input
            type="radio"
            id={index === 0 ? id : undefined}
            name={id}
            data-field={name}
            value={option.value}
            defaultChecked={option.value === defaultValue}
            disabled={disabled || option.disabled}
            required={required}
            onChange={(event) => report(event.currentTarget)}
          />
          <bdi>{labelOf(option)}</bdi>
        </label>
      ))}
    </div>
  );
}
