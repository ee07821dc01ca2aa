import { textOf } from "../protocol/text";
import { useView } from "./context";
import { Icon } from "./icon";
import { sendContent } from "./send";

export function StartScreen() {
  const { chat, options, locale, fillsPrompts, focusComposer } = useView();
  const start = (prompt: (typeof options.prompts)[number]["prompt"]) => {
    const content = typeof prompt === "string" ? [{ type: "input_text" as const, text: prompt }] : prompt;
    if (!fillsPrompts || content.some((part) => part.type !== "input_text")) return void sendContent(chat, options, content);
    chat.setComposer({ text: textOf(content) });
    focusComposer();
  };
  return (
    <div class="start" part="start-screen">
      <h2 dir="auto">{options.greeting ?? locale.text("greeting")}</h2>
      {options.prompts.length > 0 && (
        <ul class="prompts">
          {options.prompts.map(({ label, prompt, icon }) => (
            <li key={label}>
              <button type="button" part="prompt" onClick={() => start(prompt)}>
                {icon && <Icon name={icon} />}
                <span dir="auto">{label}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
