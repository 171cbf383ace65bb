export interface Part {
  text: string;
  href?: string;
}

/** Text with the addresses of our own server as links; other addresses stay text. */
export function splitLinks(text: string, origin: string): Part[] {
  const parts: Part[] = [];
  let from = 0;
  for (const found of text.matchAll(/https?:\/\/[^\s<>"]+/g)) {
    const href = found[0].replace(/[.,;:!?)\]]+$/, '');
    if (href !== origin && !href.startsWith(`${origin}/`)) continue;
    if (found.index > from) parts.push({ text: text.slice(from, found.index) });
    parts.push({ text: href, href });
    from = found.index + href.length;
  }
  if (from < text.length) parts.push({ text: text.slice(from) });
  return parts;
}
