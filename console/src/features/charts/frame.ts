import { formatNumber } from '~/ui/format';
import type { ChartColours } from './colours';

export interface AxisSpec {
  name: string;
  min?: number;
  max?: number;
  /** Shown as percent. */
  share?: boolean;
  /** Whole numbers only. */
  whole?: boolean;
}

function axis(spec: AxisSpec, colours: ChartColours, vertical: boolean) {
  return {
    type: 'value',
    name: spec.name,
    nameLocation: vertical ? 'end' : 'middle',
    nameGap: vertical ? 12 : 28,
    nameTextStyle: { color: colours.ink, fontSize: 11, align: vertical ? 'left' : 'center' },
    scale: true,
    ...(spec.min === undefined ? {} : { min: spec.min }),
    ...(spec.max === undefined ? {} : { max: spec.max }),
    ...(spec.whole ? { minInterval: 1 } : {}),
    axisLabel: { color: colours.axis, fontSize: 11, hideOverlap: true, formatter: (v: number) => (spec.share ? `${formatNumber(Number((v * 100).toFixed(6)))} %` : formatNumber(v)) },
    axisLine: { lineStyle: { color: colours.axis } },
    splitLine: { lineStyle: { color: colours.grid } },
  };
}

/** Axes, grid and tooltip as every picture of two numbers has them. */
export function frame(x: AxisSpec, y: AxisSpec, colours: ChartColours) {
  return {
    grid: { left: 12, right: 20, top: 36, bottom: 40, containLabel: true },
    xAxis: axis(x, colours, false),
    yAxis: axis(y, colours, true),
  };
}

/** Drawn on the canvas: styles inside HTML would break the content security policy. */
export function tooltip(colours: ChartColours, formatter: (item: never) => string) {
  return { renderMode: 'richText', confine: true, backgroundColor: colours.surface, borderColor: colours.axis, textStyle: { color: colours.ink, fontSize: 12 }, formatter };
}
