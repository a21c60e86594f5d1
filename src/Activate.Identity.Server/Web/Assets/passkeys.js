// Passkeys: the browser's answer goes into the form, and the form is sent. Pages that need none do not load this.
const form = document.querySelector('form[data-passkey]');
if (form && window.PublicKeyCredential && PublicKeyCredential.parseRequestOptionsFromJSON) {
  const kind = form.dataset.passkey;
  const status = form.querySelector('[data-passkey-status]');
  const options = JSON.parse(form.dataset.options);
  let proposing;

  const send = credential => {
    form.elements.Credential.value = JSON.stringify(credential);
    form.submit();
  };

  const ask = async () => {
    if (!form.reportValidity()) return;
    // A browser asks for one passkey at a time: what waits in the field for the username makes way.
    proposing?.abort();
    status.textContent = '';
    try {
      send(kind === 'create'
        ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
        : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) }));
    } catch (error) {
      status.textContent = error.name === 'InvalidStateError' ? 'This device has a passkey for your account already.'
        : error.name === 'NotAllowedError' ? 'No passkey was used: it was cancelled, or took too long.'
        : 'The browser cannot use a passkey here.';
    }
  };

  const propose = async () => {
    if (!await PublicKeyCredential.isConditionalMediationAvailable?.()) return;
    proposing = new AbortController();
    try {
      send(await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options), mediation: 'conditional', signal: proposing.signal }));
    } catch {
      // Nobody chose one there; the button is still to be clicked.
    }
  };

  form.hidden = false;
  for (const part of document.querySelectorAll('[data-with-passkeys]')) part.hidden = false;
  for (const part of document.querySelectorAll('[data-without-passkeys]')) part.hidden = true;
  form.querySelector('[data-passkey-button]').addEventListener('click', ask);
  form.addEventListener('submit', event => { event.preventDefault(); ask(); });
  if (kind === 'propose') propose();
}
