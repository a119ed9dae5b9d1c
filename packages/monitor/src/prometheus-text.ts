import {
  EXPORTED_QUANTILES,
  type Labels,
  type MetricFamily,
  type MetricRegistry,
} from './metric-registry.ts';

/** The media type of {@link formatPrometheus}'s text. */
export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * All metrics in the Prometheus text exposition format 0.0.4. Distributions become summaries (their quantiles are accurate to
 * 0.78 %, but cannot be averaged across processes). Gauges that were never set are left out.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function formatPrometheus(registry: MetricRegistry): string {
  return registry.families().map(formatFamily).join('');
}

function formatFamily({ name, kind, help, series }: MetricFamily): string {
  const lines: string[] = [];
  for (const { labels, value, histogram } of series) {
    if (histogram) {
      for (const q of EXPORTED_QUANTILES)
        lines.push(sample(name, { ...labels, quantile: String(q) }, histogram.quantile(q)));
      lines.push(
        sample(`${name}_sum`, labels, histogram.sum),
        sample(`${name}_count`, labels, histogram.count),
      );
    } else if (!Number.isNaN(value) || kind === 'counter') {
      lines.push(sample(name, labels, value));
    }
  }
  if (lines.length === 0) return '';
  const head = help === '' ? [] : [`# HELP ${name} ${escapeText(help)}`];
  head.push(`# TYPE ${name} ${kind === 'distribution' ? 'summary' : kind}`);
  return `${[...head, ...lines].join('\n')}\n`;
}

function sample(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
  return `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${formatValue(value)}`;
}

function formatValue(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}

function escapeText(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeLabel(text: string): string {
  return escapeText(text).replaceAll('"', '\\"');
}
