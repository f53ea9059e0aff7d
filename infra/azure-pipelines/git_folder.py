"""Moves the Git folder of a Databricks workspace to the head of a branch: ``git_folder.py PATH BRANCH``.

The stack `lakehouse` makes the folder, if the variables of an environment name a repository; without one there is
nothing to move. Who runs this is signed in.
"""

import sys

from databricks.sdk import WorkspaceClient


def move(workspace: WorkspaceClient, path: str, branch: str) -> str:
    """Return what became of the folder, in words."""
    found = next((repo for repo in workspace.repos.list(path_prefix=path) if repo.path == path), None)
    if found is None or found.id is None:
        return f"there is no Git folder {path}: the stack lakehouse makes one where `git` is set"
    workspace.repos.update(found.id, branch=branch)
    return f"{path} is at the head of {branch}"


if __name__ == "__main__":
    path, branch = sys.argv[1:]
    print(move(WorkspaceClient(), path, branch))
