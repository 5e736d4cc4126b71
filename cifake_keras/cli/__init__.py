"""The command line: a file for each group of commands, which import what they need when they run.

TensorFlow alone takes seconds to import.
"""

import os

import click

from cifake_keras.cli import data, detector, report, study
from cifake_keras.runtime import interruption
from cifake_keras.runtime.errors import UserError, of_the_disk

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"


class _Commands(click.Group):
    """Turns what went wrong outside the program into one sentence and an exit status."""

    def invoke(self, context: click.Context) -> object:
        interruption.raised()
        try:
            return super().invoke(context)
        except UserError as error:
            raise _failure(str(error), error.status) from error
        except BrokenPipeError:  # by `| head`; click ends quietly
            raise
        except Exception as error:
            if not (message := of_the_disk(error)):
                raise
            raise _failure(message) from error
        except interruption.Interrupted as interrupted:
            click.echo("Interrupted. What is finished is kept; the same command goes on from there.", err=True)
            raise SystemExit(interrupted.status) from None


def _failure(message: str, status: int = UserError.status) -> SystemExit:
    click.echo(f"Error: {message}", err=True)
    return SystemExit(status)


@click.group(cls=_Commands)
@click.version_option(package_name="cifake-keras")
def main() -> None:
    """A replication of ISITCAP? (does an autoencoder help a detector of synthetic images generalise?) in Keras."""


for _command in (data.data, *study.COMMANDS, *report.COMMANDS, *detector.COMMANDS):
    main.add_command(_command)
