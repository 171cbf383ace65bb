import DOMPurify from 'dompurify';
import { marked } from 'marked';
import { useMemo } from 'react';

// What people write is shown, not run: no scripts, styles, forms or frames, and pictures only from this page's own server.
const allowed = {
  USE_PROFILES: { html: true },
  FORBID_TAGS: ['style', 'form', 'input', 'button', 'textarea', 'select', 'iframe', 'object', 'embed', 'audio', 'video'],
  FORBID_ATTR: ['style', 'class', 'id', 'name'],
};
const purifier = DOMPurify();
purifier.addHook('afterSanitizeAttributes', (node) => {
  if (node.tagName === 'A') {
    node.setAttribute('target', '_blank');
    node.setAttribute('rel', 'noopener noreferrer');
  }
});

export default function Markdown({ text }: { text: string }) {
  const html = useMemo(() => purifier.sanitize(marked.parse(text, { async: false, gfm: true }), allowed), [text]);
  return <div className="prose" dangerouslySetInnerHTML={{ __html: html }} />;
}
