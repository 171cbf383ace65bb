import { useTheme, type Theme } from '~/app/theme';

// Ten hues that stay apart for the common kinds of colour blindness, each at least 3:1 against its background.
const categorical: Record<Theme, readonly string[]> = {
  light: ['#0f766e', '#c2410c', '#1d4ed8', '#a21caf', '#4d7c0f', '#b91c1c', '#0369a1', '#7c3aed', '#a16207', '#be185d'],
  dark: ['#2dd4bf', '#fb923c', '#7aa2ff', '#e879f9', '#a3e635', '#f87171', '#38bdf8', '#a78bfa', '#facc15', '#f472b6'],
};

export interface ChartColours {
  of: (index: number) => string;
  accent: string;
  axis: string;
  grid: string;
  ink: string;
  surface: string;
}

function colours(theme: Theme): ChartColours {
  const list = categorical[theme];
  return {
    of: (index) => list[index % list.length] ?? '#888888',
    accent: list[0] ?? '#888888',
    axis: theme === 'dark' ? '#92929d' : '#6b6b75',
    grid: theme === 'dark' ? '#232327' : '#efeff2',
    ink: theme === 'dark' ? '#ededf0' : '#18181b',
    surface: theme === 'dark' ? '#17171a' : '#ffffff',
  };
}

// One object for each theme, so that what is made with it is made again only when the theme changes.
const known: Record<Theme, ChartColours> = { light: colours('light'), dark: colours('dark') };

export function useChartColours(): ChartColours {
  return known[useTheme()];
}
