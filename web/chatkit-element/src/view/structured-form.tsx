import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { StructuredAnswer, StructuredInputItem, StructuredQuestion } from "../protocol/types";
import { useView } from "./context";

type Values = Record<string, { chosen: readonly string[]; other: string }>;

const NOTHING = { chosen: [], other: "" } as const;

/** Questions of the assistant, in place of the composer until they are answered or skipped. */
export function StructuredForm({ item, isTurnActive }: { item: StructuredInputItem; isTurnActive: boolean }) {
  const { chat, locale, focusComposer } = useView();
  const { text } = locale;
  const wasSent = useRef(false);
  // When the form goes, the composer comes back and gets the focus, unless the reader has put it elsewhere.
  useLayoutEffect(
    () => () => {
      if (wasSent.current && document.activeElement === document.body) setTimeout(focusComposer);
    },
    [],
  );
  const [values, setValues] = useState<Values>({});
  const answers = Object.fromEntries(item.inputs.map((input) => [input.id, answerOf(values[input.id] ?? NOTHING)]));
  const isAnswered = Object.values(answers).some((answer) => !answer.skipped);
  const send = (status: "answered" | "skipped", given: typeof answers) => {
    wasSent.current = true;
    void chat.submitStructuredInput(item.id, status, given);
  };
  const submit = (event: Event) => {
    event.preventDefault();
    if (isAnswered && !isTurnActive) send("answered", answers);
  };
  return (
    <form class="structured" part="structured-input" aria-label={text("questions")} onSubmit={submit}>
      {item.inputs.map((input) => (
        <Question
          key={input.id}
          input={input}
          value={values[input.id] ?? NOTHING}
          onChange={(value) => setValues({ ...values, [input.id]: value })}
        />
      ))}
      <div class="structured-bar">
        <button type="button" class="text-button" disabled={isTurnActive} onClick={() => send("skipped", {})}>
          {text("skip")}
        </button>
        <button type="submit" class="primary" disabled={!isAnswered || isTurnActive}>
          {text("submit")}
        </button>
      </div>
    </form>
  );
}

function answerOf({ chosen, other }: Values[string]): StructuredAnswer {
  const values = [...chosen, other.trim()].filter(Boolean);
  return { values, skipped: values.length === 0 };
}

interface QuestionProps {
  input: StructuredQuestion;
  value: Values[string];
  onChange: (value: Values[string]) => void;
}

function Question({ input, value, onChange }: QuestionProps) {
  const { locale } = useView();
  const { text } = locale;
  const toggle = (option: string, isChosen: boolean) => {
    if (!input.multiple) onChange({ chosen: isChosen ? [option] : [], other: "" });
    else onChange({ ...value, chosen: isChosen ? [...value.chosen, option] : value.chosen.filter((known) => known !== option) });
  };
  const write = (other: string) => onChange({ chosen: input.multiple || !other ? value.chosen : [], other });
  const isChoice = input.type === "multiple_choice";
  // ChatKit's questions are one text; what stands behind a blank line are its details, such as a tool's arguments.
  const [title = "", ...more] = input.question.split("\n\n");
  const details = more.join("\n\n");
  return (
    <fieldset>
      <legend dir="auto">
        {title}
        {details && <span class="question-details">{details}</span>}
      </legend>
      {input.description && <p class="description" dir="auto">{input.description}</p>}
      {isChoice &&
        input.options?.map((option) => (
          <label key={option.value} dir="auto">
            <input
              type={input.multiple ? "checkbox" : "radio"}
              name={input.id}
              checked={value.chosen.includes(option.value)}
              onChange={(event) => toggle(option.value, event.currentTarget.checked)}
            />
            {option.value}
          </label>
        ))}
      <input
        type="text"
        class="other"
        dir="auto"
        value={value.other}
        aria-label={`${title} ${text(isChoice ? "otherAnswer" : "yourAnswer")}`}
        placeholder={text(isChoice ? "otherAnswer" : "yourAnswer")}
        onInput={(event) => write(event.currentTarget.value)}
      />
    </fieldset>
  );
}
