#!/usr/bin/env bash
# A Slurm job array, one job a cell. In a folder that all machines share, with cifake-keras on the PATH:
#
#     cifake-keras grid-commands --phase phase1 --seeds 5 > cells.txt
#     sbatch --array=1-"$(wc -l < cells.txt)" scripts/slurm_array.sh cells.txt
#
# A job gets a signal two minutes before its time limit, and saves where it is; the same sbatch goes on from
# there, and passes over what is done. A job whose machine fails, or that is preempted, is queued again by Slurm.
#SBATCH --job-name=cifake-keras
#SBATCH --cpus-per-task=2
#SBATCH --mem=4G
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

commands=${1:?the file that grid-commands was written to}
number=${SLURM_ARRAY_TASK_ID:?is set by sbatch --array}
line=$(sed -n "${number}p" "$commands")
[ -n "$line" ] || { echo "$commands has no line $number: give --array=1-$(wc -l < "$commands")." >&2; exit 2; }
# In place of this shell, which is what Slurm signals.
exec bash -c "exec $line"
