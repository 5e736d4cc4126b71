"""The grid: settings, tasks, sweep, examination, status, publishing."""
