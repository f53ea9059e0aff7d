"""Why a dataset, a run or a file is as it is: findings from what SQL says, each with what to do about it."""
