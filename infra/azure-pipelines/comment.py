"""Puts a text onto the pull request that this pipeline runs for: ``comment.py FILE``, with the pipeline's own token."""

import json
import os
import sys
import urllib.request
from pathlib import Path


def thread_of(text: str) -> bytes:
    """Return the body that opens a thread with one comment, closed so that it holds up no merge."""
    content = f"What applying the product files would change in dev:\n\n```\n{text.strip() or 'nothing'}\n```"
    return json.dumps({"comments": [{"content": content, "commentType": 1}], "status": "closed"}).encode()


def main(file: str) -> None:
    base, project = os.environ["SYSTEM_COLLECTIONURI"], os.environ["SYSTEM_TEAMPROJECTID"]
    repository, number = os.environ["BUILD_REPOSITORY_ID"], os.environ["SYSTEM_PULLREQUEST_PULLREQUESTID"]
    url = f"{base}{project}/_apis/git/repositories/{repository}/pullRequests/{number}/threads?api-version=7.1"
    headers = {
        "Authorization": f"Bearer {os.environ['SYSTEM_ACCESSTOKEN']}",
        "Content-Type": "application/json",
    }
    request = urllib.request.Request(url, thread_of(Path(file).read_text()), headers)  # noqa: S310 - of the pipeline
    with urllib.request.urlopen(request, timeout=30):  # noqa: S310 - as above
        pass


if __name__ == "__main__":
    main(sys.argv[1])
