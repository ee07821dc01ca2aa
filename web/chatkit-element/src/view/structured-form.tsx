import { useState } from "preact/hooks";
import type { StructuredAnswer, StructuredInputItem, StructuredQuestion } from "../protocol/types";
import { answerText, askedOf, partsOf } from "../text/asked";
import { useAnswering } from "./answering";
import { useView } from "./context";
import { DecisionForm } from "./decision-form";

type Values = Record<string, { chosen: readonly string[]; other: string }>;

const NOTHING = { chosen: [], other: "" } as const;

/** Questions of the assistant, in place of the composer until they are answered or skipped. */
export function StructuredForm({ item, isTurnActive }: { item: StructuredInputItem; isTurnActive: boolean }) {
  const asked = askedOf(item);
  if (asked) return <DecisionForm item={item} asked={asked} isTurnActive={isTurnActive} />;
  return <QuestionForm item={item} isTurnActive={isTurnActive} />;
}

function QuestionForm({ item, isTurnActive }: { item: StructuredInputItem; isTurnActive: boolean }) {
  const { text } = useView().locale;
  const send = useAnswering(item.id);
  const [values, setValues] = useState<Values>({});
  const answers = Object.fromEntries(item.inputs.map((input) => [input.id, answerOf(values[input.id] ?? NOTHING)]));
  const isAnswered = isEnough(item, answers);
  const submit = (event: Event) => {
    event.preventDefault();
    if (isAnswered && !isTurnActive) send("answered", answers);
  };
  return (
    <form class="structured" part="structured-input" aria-label={text("questions")} onSubmit={submit}>
      {item.inputs.map((input) => (
        <Question
          key={input.id}
          item={item}
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

/** Our server says which answers it wants; any other is content with one. */
function isEnough({ inputs }: StructuredInputItem, answers: Record<string, StructuredAnswer>): boolean {
  if (inputs.some(({ natter }) => natter)) return inputs.every(({ id, natter }) => natter?.is_required === false || !answers[id]?.skipped);
  return Object.values(answers).some((answer) => !answer.skipped);
}

function answerOf({ chosen, other }: Values[string]): StructuredAnswer {
  const values = [...chosen, other.trim()].filter(Boolean);
  return { values, skipped: values.length === 0 };
}

interface QuestionProps {
  item: StructuredInputItem;
  input: StructuredQuestion;
  value: Values[string];
  onChange: (value: Values[string]) => void;
}

function Question({ item, input, value, onChange }: QuestionProps) {
  const { locale } = useView();
  const { text } = locale;
  const toggle = (option: string, isChosen: boolean) => {
    if (!input.multiple) onChange({ chosen: isChosen ? [option] : [], other: "" });
    else onChange({ ...value, chosen: isChosen ? [...value.chosen, option] : value.chosen.filter((known) => known !== option) });
  };
  const write = (other: string) => onChange({ chosen: input.multiple || !other ? value.chosen : [], other });
  const isChoice = input.type === "multiple_choice";
  const { title, details } = partsOf(input);
  const takesText = !isChoice || (input.natter?.allows_other ?? true);
  return (
    <fieldset>
      <legend dir="auto">
        {title}
        {input.natter?.is_required === false && <small> ({text("optional")})</small>}
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
            {answerText(item, input, option.value, text)}
          </label>
        ))}
      {takesText && (
        <input
          type="text"
          class="other"
          dir="auto"
          value={value.other}
          aria-label={`${title} ${text(isChoice ? "otherAnswer" : "yourAnswer")}`}
          placeholder={text(isChoice ? "otherAnswer" : "yourAnswer")}
          onInput={(event) => write(event.currentTarget.value)}
        />
      )}
    </fieldset>
  );
}
