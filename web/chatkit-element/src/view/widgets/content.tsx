/** What is looked at: markdown, badges, icons, pictures. */

import { definedStyle, marginStyle, sizeStyle } from "../../widgets/box-style";
import { safeImage, safeLink } from "../../markdown/links";
import { Icon as Drawing } from "../icon";
import { Markdown as MarkdownText } from "../markdown";
import { useHost, type NodeProps } from "./host";

export function Markdown({ properties }: NodeProps<"Markdown">) {
  const { allowedImageDomains } = useHost();
  return <MarkdownText text={properties.value ?? ""} isStreaming={properties.streaming ?? false} allowedImageDomains={allowedImageDomains} />;
}

export function Badge({ properties }: NodeProps<"Badge">) {
  const { label, color = "secondary", variant = "soft", size = "sm", pill } = properties;
  return <span class={`w-badge c-${color} ${variant} ${size} ${pill ? "pill" : ""}`}><bdi>{label}</bdi></span>;
}

export const Icon = ({ properties }: NodeProps<"Icon">) => (
  <span class={`w-icon size-${properties.size ?? "md"}`} style={definedStyle({ color: properties.color })}>
    <Drawing name={properties.name ?? "dot"} />
  </span>
);

/** A picture from an address that may not be loaded without being asked for is a link in its place. */
export function Image({ properties }: NodeProps<"Image">) {
  const { allowedImageDomains } = useHost();
  const { src = "", alt = "", fit, position, radius, frame, flush, margin, background } = properties;
  const address = safeImage(src, document.baseURI, allowedImageDomains);
  const style = {
    ...sizeStyle(properties),
    ...definedStyle({ objectFit: fit, objectPosition: position, borderRadius: radius, background }),
    ...marginStyle(margin),
  };
  const className = `w-image ${frame ? "framed" : ""} ${flush ? "w-flush" : ""}`;
  if (address !== null) return <img class={className} style={style} src={address} alt={alt} loading="lazy" referrerpolicy="no-referrer" />;
  const href = safeLink(src, document.baseURI);
  const words = alt || (href ? new URL(href).hostname : "");
  return (
    <span class={`${className} missing`} style={style}>
      <Drawing name="square-image" />
      {href && /^https?:/.test(href) ? <a href={href} target="_blank" rel="noopener noreferrer">{words}</a> : words && <bdi>{words}</bdi>}
    </span>
  );
}
