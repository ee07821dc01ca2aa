import type { MetadataRoute } from "next";

/** What makes the app installable. */
export default function manifest(): MetadataRoute.Manifest {
  return {
    name: "Natter",
    short_name: "Natter",
    description: "A chat assistant that gets things done, and shows you how.",
    id: "/dashboard/chat",
    start_url: "/dashboard/chat",
    scope: "/",
    display: "standalone",
    background_color: "#0a0c0b",
    theme_color: "#0a0c0b",
    icons: [
      { src: "/icons/natter-192.png", sizes: "192x192", type: "image/png" },
      { src: "/icons/natter-512.png", sizes: "512x512", type: "image/png", purpose: "any" },
      { src: "/icons/natter-512.png", sizes: "512x512", type: "image/png", purpose: "maskable" },
    ],
  };
}
