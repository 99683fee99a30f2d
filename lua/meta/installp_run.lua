---@meta altmig.installp_run
-- SPDX-License-Identifier: MIT

--- The words that call installp, and its output as it comes: engine/core/aix/installp.h. Codes: INSTALLP_REQUEST.
---@class altmig.installp_run
local run = {}

---@class altmig.installp_run.Fileset
---@field fileset string
---@field level string?            # four numbers

---@class altmig.installp_run.Request
---@field operation "apply"|"commit"|"reject"|"remove"|"cleanup"|"list"
---@field preview boolean?         # -p
---@field flags string?            # letters of flags without an argument, "gXYb"
---@field device string?           # -d
---@field log string?              # -e
---@field list string?             # -f, a file that names the filesets; or
---@field filesets altmig.installp_run.Fileset[]?

--- The words of a request; what installp does not document for the operation is refused.
---@param request altmig.installp_run.Request
---@return string[]? argv, string? message, string? code
function run.argv(request) end

--- The text of a list file.
---@param filesets altmig.installp_run.Fileset[]
---@return string? text, string? message, string? code
function run.list(filesets) end

---@class altmig.installp_run.Row
---@field kind "listed"|"begun"|"processed"|"finished"|"grown"|"room"|"count"|"result"|"noted"|"message"
---@field section "FAILURES"|"WARNINGS"|"SUCCESSES"|nil   # of listed
---@field heading string?          # of listed: "Requisite Failures"
---@field list string?             # of listed: "SELECTED FILESETS", "MISSING REQUISITES", ...
---@field name string?             # of result and noted as it is printed: perhaps cut
---@field level string?            # of listed also what is demanded: "v=6"
---@field text string?
---@field group integer?           # of begun
---@field part string?             # of result: USR, ROOT, SHARE
---@field event string?            # of result: APPLY, COMMIT, ...
---@field result "SUCCESS"|"FAILED"|"CANCELLED"|"PARTIAL"|"BROKEN"|"ALREADY"|"OTHER"|nil
---@field word string?             # of result: as it is printed
---@field names string[]?          # of result and noted: what the name can stand for, 16 at most
---@field meant integer?           # how many that are
---@field needed integer?          # of room: blocks of 512 bytes
---@field free integer?
---@field number integer?          # of processed, grown, count
---@field of integer?              # of processed

---@class altmig.installp_run.Output
local Output = {}

--- A reader of output. Names and levels that are known tell what a cut name of a table means.
---@param known altmig.installp_run.Fileset[]?
---@return altmig.installp_run.Output? output, string? message, string? code
function run.output(known) end

--- The next piece of the output, cut anywhere; returns the rows that it completes.
---@param text string
---@return altmig.installp_run.Row[]? rows, string? message, string? code
function Output:add(text) end

--- The output ended.
---@return altmig.installp_run.Row[]? rows, string? message, string? code
function Output:finish() end

--- The last lines that were printed while a group was worked on.
---@param group integer
---@return string
function Output:said(group) end

--- How many rows were left out because there are too many.
---@return integer
function Output:dropped() end

return run
