// The preview follows what is typed. Without this, the button asks for it.
const form = document.querySelector('form[data-live-preview]');
const shown = document.getElementById('preview-result');
let waiting, asking;

const preview = async () => {
  if (!form.checkValidity()) return;
  asking = new AbortController();
  try {
    const answer = await fetch('?handler=Preview', { method: 'POST', body: new URLSearchParams(new FormData(form)), signal: asking.signal });
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById('preview-result');
    // Another page: the session has ended, say. The buttons lead there.
    if (!fresh) return;
    shown.hidden = false;
    for (const part of ['[role=status]', '.whom']) shown.querySelector(part).replaceChildren(...fresh.querySelector(part).childNodes);
  } catch (error) {
    if (error.name !== 'AbortError') shown.hidden = true;
  }
};

form.addEventListener('input', () => {
  clearTimeout(waiting);
  asking?.abort();
  waiting = setTimeout(preview, 400);
});
