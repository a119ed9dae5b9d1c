import { element } from './view.ts';

/** Registers the service worker of a built page and keeps the badge in the header up to date. */
export async function workOffline(): Promise<void> {
  const badge = element('connection');
  let ready = false;
  let why = 'offline use is being prepared';
  const show = () => {
    badge.dataset.state = ready ? 'ready' : 'waiting';
    badge.textContent = ready ? (navigator.onLine ? 'works offline' : 'working offline') : why;
  };
  window.addEventListener('online', show);
  window.addEventListener('offline', show);
  try {
    why = await prepare(why, show);
    ready = why === '';
  } catch (error) {
    why = `offline use failed: ${(error as Error).message}`;
  }
  show();
}

/** @returns why the page will not work offline, or an empty text. */
async function prepare(waiting: string, show: () => void): Promise<string> {
  if (!import.meta.env.PROD) return 'development server: not kept for offline use';
  if (!('serviceWorker' in navigator)) return 'offline use needs HTTPS';
  show();
  await navigator.serviceWorker.register('./service-worker.js', { scope: './' });
  const registration = await navigator.serviceWorker.ready;
  return registration.active ? '' : waiting;
}
