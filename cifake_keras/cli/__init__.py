"""The command line: a file for each group of commands, which import what they need when they run.

TensorFlow alone takes seconds to import.
"""

import os

import click

from cifake_keras.cli import data, detector, doctor, options, report, study
from cifake_keras.runtime import interruption, streams
from cifake_keras.runtime.errors import UserError, of_the_disk, of_the_study
from cifake_keras.runtime.text import printable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"


# The commands that go on where they were stopped.
_RESUMED = ("data", "run-grid", "examine")


class _Commands(click.Group):
    """Turns what went wrong outside the program into one sentence and an exit status."""

    def invoke(self, context: click.Context) -> object:
        interruption.raised()
        streams.reopen()
        try:
            return self._invoked(context)
        except UserError as error:
            raise _failure(str(error), error.status) from error
        except BrokenPipeError:  # by `| head`; click ends quietly
            raise
        except Exception as error:
            if not (message := of_the_disk(error) or of_the_study(error, str(context.invoked_subcommand))):
                raise
            raise _failure(message) from error
        except interruption.Interrupted as interrupted:
            resumed = context.invoked_subcommand in _RESUMED
            kept = " What is finished is kept; the same command goes on from there." * resumed
            click.echo(f"Interrupted.{kept}", err=True)
            raise SystemExit(interrupted.status) from None

    def _invoked(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except Exception:
            interruption.check()
            raise


def _failure(message: str, status: int = UserError.status) -> SystemExit:
    click.echo(f"Error: {printable(message, lines=True)}", err=True)
    return SystemExit(status)


@click.group(cls=_Commands, epilog=options.examples("predict photograph.jpg", "doctor"))
@click.version_option(package_name="cifake-keras")
def main() -> None:
    """A replication of ISITCAP? (does an autoencoder help a detector of synthetic images generalise?) in Keras."""


for _command in (data.data, *study.COMMANDS, *report.COMMANDS, *detector.COMMANDS, doctor.doctor):
    main.add_command(_command)
