import type { Ref } from "preact";
import { Icon } from "./icon";

interface IconButtonProps {
  icon: string;
  label: string;
  onClick: () => void;
  class?: string;
  part?: string;
  isDisabled?: boolean;
  isPressed?: boolean;
  isExpanded?: boolean;
  hasPopup?: "menu" | "dialog";
  buttonRef?: Ref<HTMLButtonElement>;
}

export function IconButton(props: IconButtonProps) {
  return (
    <button
      type="button"
      ref={props.buttonRef}
      class={`icon-button ${props.class ?? ""}`}
      part={props.part}
      aria-label={props.label}
      title={props.label}
      aria-pressed={props.isPressed}
      aria-expanded={props.isExpanded}
      aria-haspopup={props.hasPopup}
      disabled={props.isDisabled}
      onClick={props.onClick}
    >
      <Icon name={props.icon} />
    </button>
  );
}
