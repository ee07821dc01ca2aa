import { useEffect, useRef, useState } from "preact/hooks";
import { borderStyle, definedStyle, paddingStyle } from "../../widgets/box-style";
import type { StatusProperties } from "../../widgets/schema";
import { safeImage } from "../../markdown/links";
import { useLocale } from "../context";
import { Icon } from "../icon";
import { ActionButton } from "./button";
import { type BoundAction, FormProvider, useAction, useForm, useHost, type NodeProps } from "./host";

/** What stands above a card or a list: what has become of it. */
export function Status({ status }: { status: StatusProperties | undefined }) {
  const { allowedImageDomains } = useHost();
  if (!status?.text) return null;
  const favicon = status.favicon && safeImage(status.favicon, document.baseURI, allowedImageDomains);
  return (
    <p class="w-status">
      {favicon && <img class={status.frame ? "framed" : ""} src={favicon} alt="" referrerpolicy="no-referrer" />}
      {status.icon && <Icon name={status.icon} />}
      <bdi>{status.text}</bdi>
    </p>
  );
}

export function Card({ properties, children }: NodeProps<"Card">) {
  const { size = "md", theme, status, background, padding, border, confirm, cancel, collapsed = false } = properties;
  const isForm = useForm() === null && properties.asForm === true;
  const confirming = useAction(confirm?.action, "container");
  const cancelling = useAction(cancel?.action, "container");
  const [isOpen, setOpen] = useCollapsing(collapsed, Boolean(confirm ?? cancel));
  const act = (action: BoundAction | null) => (element: Element) => {
    action?.perform(element);
    if (collapsed) setOpen(false);
  };
  const attributes = {
    class: `w-card ${size} ${theme ? `scheme-${theme}` : ""}`,
    style: {
      ...definedStyle({ background, "--w-pad": padding?.start, "--w-pad-block": padding?.top }),
      ...borderStyle(border),
    },
  };
  const content = (
    <>
      <Status status={status} />
      {collapsed && <Disclosure isOpen={isOpen} onToggle={() => setOpen(!isOpen)} />}
      {isOpen && <div class="w-body" style={paddingStyle(padding)}>{children}</div>}
      {(confirm?.label ?? cancel?.label) !== undefined && (
        <div class="w-decisions">
          {cancel?.label && <Decision label={cancel.label} look="c-secondary outline" action={cancelling} onClick={act(cancelling)} />}
          {confirm?.label && <Decision label={confirm.label} look="c-primary solid" action={confirming} isSubmit={isForm} onClick={isForm ? undefined : act(confirming)} />}
        </div>
      )}
    </>
  );
  if (!isForm) return <section {...attributes}>{content}</section>;
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    act(confirming)(event.currentTarget as HTMLFormElement);
  };
  return (
    <form {...attributes} data-form onSubmit={submit}>
      <FormProvider value={{ isBusy: confirming?.isBusy ?? false }}>{content}</FormProvider>
    </form>
  );
}

/**
 * A card that is to be collapsed is open at first if there is something to decide in it: nobody could see otherwise
 * what it is about. One that becomes collapsed later, when the server says that it is done, closes.
 */
function useCollapsing(collapsed: boolean, isToDecide: boolean): [boolean, (isOpen: boolean) => void] {
  const [isOpen, setOpen] = useState(!collapsed || isToDecide);
  const before = useRef(collapsed);
  useEffect(() => {
    if (before.current !== collapsed) setOpen(!collapsed);
    before.current = collapsed;
  }, [collapsed]);
  return [isOpen, setOpen];
}

function Disclosure({ isOpen, onToggle }: { isOpen: boolean; onToggle: () => void }) {
  const { text } = useLocale();
  return (
    <button type="button" class="w-more" aria-expanded={isOpen} onClick={onToggle}>
      <Icon name="lucide:chevron-down" class={isOpen ? "turned" : ""} />
      {text(isOpen ? "hideDetails" : "showDetails")}
    </button>
  );
}

interface DecisionProps {
  label: string;
  look: string;
  action: BoundAction | null;
  isSubmit?: boolean;
  onClick: ((element: HTMLButtonElement) => void) | undefined;
}

const Decision = ({ label, look, action, isSubmit = false, onClick }: DecisionProps) => (
  <ActionButton look={`${look} size-lg pill`} isSubmit={isSubmit} isBusy={action?.isBusy ?? false} onClick={onClick}>
    <bdi>{label}</bdi>
  </ActionButton>
);
