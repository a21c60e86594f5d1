// Copying, printing, and dialogs that hold the focus. Everything else, dialogs included, works without JavaScript.
const said = document.body.appendChild(Object.assign(document.createElement('p'), { className: 'hidden' }));
said.setAttribute('role', 'status');

for (const button of document.querySelectorAll('[data-copy]')) {
  const source = document.getElementById(button.dataset.copy);
  button.hidden = false;
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(source.textContent.trim());
      document.querySelector('.copied')?.classList.remove('copied');
      button.classList.add('copied');
      said.textContent = (button.ariaLabel ?? 'Copy').replace('Copy', 'Copied');
    } catch {
      said.textContent = 'The browser does not allow copying. Select the text and copy it yourself.';
      if (source.parentElement.tagName === 'DETAILS') source.parentElement.open = true;
      getSelection().selectAllChildren(source);
    }
  });
}

for (const button of document.querySelectorAll('[data-print]')) {
  button.hidden = false;
  button.addEventListener('click', () => print());
}

// Some browsers keep the page as it is for their back button, whatever no-store says.
const secret = document.getElementById('secret');
if (secret) addEventListener('pagehide', () => { secret.textContent = ''; });

const dialog = document.querySelector('dialog[open]');
if (dialog) {
  const back = () => location.assign(dialog.dataset.back);
  dialog.close();
  dialog.showModal();
  dialog.querySelector('[autofocus]').focus();
  dialog.addEventListener('cancel', event => { event.preventDefault(); back(); });
}

// A menu closes when one looks elsewhere.
for (const menu of document.querySelectorAll('details.menu')) {
  document.addEventListener('click', event => { if (!menu.contains(event.target)) menu.open = false; });
  menu.addEventListener('keydown', event => { if (event.key === 'Escape') { menu.open = false; menu.querySelector('summary').focus(); } });
  menu.addEventListener('focusout', event => { if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false; });
}
