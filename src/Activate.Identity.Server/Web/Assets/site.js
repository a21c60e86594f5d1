// Copy buttons. Everything else works without JavaScript.
document.addEventListener('click', async event => {
  const button = event.target.closest('[data-copy]');
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
  button.textContent = 'Copied';
});
for (const button of document.querySelectorAll('[data-copy]')) button.hidden = false;
