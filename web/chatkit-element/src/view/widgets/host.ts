/** What the components of a widget need of the widget they are in: whose it is, and who performs their actions. */

import { createContext, type VNode } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import { type ActionConfig, fieldValues, type FieldValue, type LoadingBehavior } from "../../widgets/actions";
import type { ComponentName, Properties } from "../../widgets/schema";

/** What the view of a component is given: what the component says, and what is in it, drawn. */
export interface NodeProps<N extends ComponentName> {
  properties: Properties<N>;
  children: VNode[];
}

export interface WidgetHost {
  /** Begins the ids of this widget's fields. */
  prefix: string;
  allowedImageDomains: readonly string[];
  /** Names of the fields that have a `Label`. */
  labelled: ReadonlySet<string>;
  /** The widget came just now, so that a field of it may take the focus. */
  mayFocus: () => boolean;
  /** Resolves when the action is done. Never raises. Null: the widget is only looked at, and has no controls. */
  perform: ((action: ActionConfig, fields: ReadonlyMap<string, FieldValue>, locksWidget: boolean) => Promise<void>) | null;
}

const NOBODY: WidgetHost = {
  prefix: "widget", allowedImageDomains: [], labelled: new Set(), mayFocus: () => false, perform: () => Promise.resolve(),
};

const HostContext = createContext<WidgetHost>(NOBODY);
export const HostProvider = HostContext.Provider;
export const useHost = () => useContext(HostContext);

/** The form around a component, if there is one: there can be only one. */
const FormContext = createContext<{ isBusy: boolean } | null>(null);
export const FormProvider = FormContext.Provider;
export const useForm = () => useContext(FormContext);

export interface BoundAction {
  isBusy: boolean;
  /** Performs the action with the values of the form around `source`, or else with those that are given. */
  perform: (source: Element, own?: readonly [string, FieldValue]) => void;
}

/** An action that is bound to a component, null if it has none. `auto` is the loading behavior of that place. */
export function useAction(action: ActionConfig | undefined, auto: LoadingBehavior): BoundAction | null {
  const { perform: performAction } = useHost();
  const [isBusy, setBusy] = useState(false);
  const isThere = useRef(true);
  useEffect(() => () => void (isThere.current = false), []);
  if (!action || !performAction) return null;
  const perform: BoundAction["perform"] = (source, own) => {
    if (isBusy) return;
    const form = source.closest("[data-form]");
    const behavior = action.loadingBehavior ?? auto;
    if (behavior === "self") setBusy(true);
    void performAction(action, form ? fieldValues(form) : new Map(own ? [own] : []), behavior === "container").then(() => {
      if (isThere.current) setBusy(false);
    });
  };
  return { isBusy, perform };
}
