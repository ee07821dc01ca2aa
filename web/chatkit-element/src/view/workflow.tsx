/** Work made visible: workflows, their tasks, and the badges of tool calls. */

import { useState } from "preact/hooks";
import type { Task, Workflow } from "../protocol/types";
import { useLocale } from "./context";
import { Icon } from "./icon";
import { Markdown } from "./markdown";
import { memo } from "./memo";
import { Sources } from "./sources";
import { BADGE_ICONS, type BadgeState, badgeOf, FAILED_ICON, SUCCESS_ICON, UNKNOWN_ICON } from "./tool-badges";

interface WorkflowProps {
  workflow: Workflow;
  isTurnActive: boolean;
  isWaiting: boolean;
}

export const WorkflowView = memo(({ workflow, isTurnActive, isWaiting }: WorkflowProps) => {
  const { text } = useLocale();
  const isRunning = isTurnActive && workflow.summary == null;
  const isToolCalls = workflow.type === "custom";
  // Tool calls are what people ask to see; reasoning folds away when it is over.
  const [choice, setChoice] = useState<boolean | null>(null);
  const isExpanded = choice ?? (workflow.expanded || isRunning || isToolCalls);
  const title = useWorkflowTitle(workflow, isRunning, isWaiting);
  const hasTasks = workflow.tasks.length > 0;
  return (
    <section class={`workflow ${workflow.type}`} part="workflow" aria-label={title}>
      <button
        type="button"
        class="workflow-title"
        aria-expanded={hasTasks ? isExpanded : undefined}
        disabled={!hasTasks}
        title={isExpanded ? text("hideDetails") : text("showDetails")}
        onClick={() => setChoice(!isExpanded)}
      >
        <Icon name={workflow.summary?.icon ?? (isToolCalls ? "lucide:wrench" : "lucide:brain")} class={isRunning && !isWaiting ? "pulse" : ""} />
        <span>{title}</span>
        {hasTasks && <Icon name={isExpanded ? "lucide:chevron-down" : "chevron-right"} class="chevron" />}
      </button>
      {isExpanded && hasTasks && (
        <ul class="tasks">
          {workflow.tasks.map((task, index) => (
            <li key={index}>
              <TaskView task={task} isTurnActive={isTurnActive} isWaiting={isWaiting} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
});

/** How long it took is what the server has stored, the same in every tab. Less than a second (0) is not worth saying. */
function useWorkflowTitle({ type, summary, tasks }: Workflow, isRunning: boolean, isWaiting: boolean): string {
  const { text, duration } = useLocale();
  if (summary?.title) return summary.title;
  if (summary?.duration) return text(type === "reasoning" ? "thoughtFor" : "workedFor", { duration: duration(summary.duration) });
  if (isRunning && isWaiting) return text("waitingForYou");
  if (isRunning) return type === "reasoning" ? (tasks.at(-1)?.title ?? text("thinking")) : text("working");
  return type === "reasoning" ? text("reasoning") : text("worked");
}

interface TaskProps {
  task: Task;
  isTurnActive: boolean;
  isWaiting: boolean;
}

export const TaskView = memo((props: TaskProps) => (props.task.type === "thought" ? <Thought task={props.task} /> : <Work {...props} />));

/** A thought has no state to show, only text, which is visible as soon as its workflow is unfolded. */
function Thought({ task }: { task: Task }) {
  return (
    <div class="task thought" part="task">
      {task.title && <p class="task-title task-name" dir="auto">{task.title}</p>}
      {task.content && <div class="task-details"><Markdown text={task.content} /></div>}
    </div>
  );
}

function Work({ task, isTurnActive, isWaiting }: TaskProps) {
  const { text } = useLocale();
  const [isExpanded, setExpanded] = useState(false);
  const badge = badgeOf(task, isTurnActive, isWaiting);
  const hasDetails = Boolean(task.content || task.sources?.length || task.queries?.length);
  return (
    <div class={`task ${task.type} ${badge ?? ""}`} part="task">
      <button
        type="button"
        class="task-title"
        disabled={!hasDetails}
        aria-expanded={hasDetails ? isExpanded : undefined}
        onClick={() => setExpanded(!isExpanded)}
      >
        <Icon name={iconOf(task)} />
        <span class="task-name" dir="auto">{titleOf(task, text)}</span>
        {badge && <Badge state={badge} />}
        {hasDetails && <Icon name={isExpanded ? "lucide:chevron-down" : "chevron-right"} class="chevron" />}
      </button>
      {hasDetails && isExpanded && <TaskDetails task={task} />}
    </div>
  );
}

function Badge({ state }: { state: BadgeState }) {
  const { text } = useLocale();
  return (
    <span class={`badge ${state}`} part={`badge badge-${state}`} data-state={state}>
      <Icon name={BADGE_ICONS[state]} class={state === "running" ? "spin" : ""} />
      <span>{text(state)}</span>
    </span>
  );
}

function TaskDetails({ task }: { task: Task }) {
  return (
    <div class="task-details">
      {task.queries?.length ? (
        <ul class="queries">
          {task.queries.map((query) => (
            <li key={query} dir="auto">
              <Icon name="search" /> {query}
            </li>
          ))}
        </ul>
      ) : null}
      {task.content && <Content content={task.content} />}
      {task.sources?.length ? <Sources sources={task.sources} /> : null}
    </div>
  );
}

/** The content behind a rule (`---`) is the call's raw input and output, shown on demand under "Details". */
const RULE = "\n\n---\n\n";

function Content({ content }: { content: string }) {
  const { text } = useLocale();
  const [shown = "", ...exact] = `\n\n${content}`.split(RULE);
  if (exact.length === 0) return <Markdown text={content} />;
  return (
    <>
      {shown.trim() && <Markdown text={shown.trim()} />}
      <details class="raw" open={!shown.trim()}>
        <summary>{text("details")}</summary>
        <Markdown text={exact.join(RULE)} />
      </details>
    </>
  );
}

function titleOf(task: Task, text: ReturnType<typeof useLocale>["text"]): string {
  if (task.title) return task.title;
  switch (task.type) {
    case "web_search":
      return task.title_query || text("searched");
    case "file":
      return text("files");
    case "image":
      return text("image");
    default:
      return text("working");
  }
}

/** The icons that stand for a state are drawn as its badge. */
const STATE_ICONS = new Set([FAILED_ICON, UNKNOWN_ICON, SUCCESS_ICON]);

function iconOf(task: Task): string {
  switch (task.type) {
    case "web_search":
      return "globe";
    case "file":
      return "document";
    case "image":
      return "square-image";
    default:
      return task.icon && !STATE_ICONS.has(task.icon) ? task.icon : "lucide:wrench";
  }
}
