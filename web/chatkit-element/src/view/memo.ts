/** A component that renders again only when one of its props changed (by identity). */

import { Component, type ComponentType, createElement, type FunctionComponent } from "preact";

export function memo<P extends object>(render: FunctionComponent<P>): ComponentType<P> {
  return class Memo extends Component<P> {
    override shouldComponentUpdate(next: Readonly<P>): boolean {
      return !shallowEqual(this.props, next);
    }

    override render() {
      return createElement(render, this.props as P);
    }
  };
}

export function shallowEqual(a: object, b: object): boolean {
  const before = a as Record<string, unknown>;
  const after = b as Record<string, unknown>;
  const keys = Object.keys(after);
  return keys.length === Object.keys(before).length && keys.every((key) => Object.is(before[key], after[key]));
}
