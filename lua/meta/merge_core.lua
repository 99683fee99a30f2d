---@meta altmig.merge_core
-- SPDX-License-Identifier: MIT

--- The record merge on texts. Scripts use altmig.merge; this is its mechanism.
---@class altmig.merge_core
local core = {}

--- O is what the old level shipped (nil: unknown), C what the site made of it, N what the new level
--- ships. modified says, where O is unknown, whether the site changed the file at all.
---@class altmig.merge.Input
---@field o string?
---@field c string?
---@field n string?
---@field modified boolean?

---@class altmig.merge.Decision
---@field severity "note"|"warning"|"conflict"|"error"
---@field file string
---@field key string?         # record; "line N" where a line of C was doubtful
---@field attribute string?
---@field o string?           # values, cut after 256 bytes; secrets are "<secret>"
---@field c string?
---@field n string?
---@field chosen "C"|"N"|"merged"|"none"
---@field rule string         # why; from this module `finding` and `detail`, which altmig.merge.findings puts into words

---@class altmig.merge.Class
---@field name string         # attribute
---@field record string?      # only in this record
---@field class "user"|"system"|"list"|"valid"|nil   # who wins when both changed it; default "user"
---@field secret boolean?     # never shown
---@field set boolean?        # a list whose order does not count, nor that of privileges in it (a=p+q)
---@field valid (fun(value: string, shipped: string?, key: string): boolean)?   # of "valid": does the new level accept the site's value?

---@class altmig.merge.Policy
---@field file string                 # path, for decisions and messages
---@field grammar "stanza"|"vfs"|"pse"|"ldapmap"|"ldapmap pairs"|"colon"|"table"|"lines"|nil   # default "stanza"
---@field columns string[]?           # "colon" and "table": names of the columns, at most 32
---@field key string[]?               # of these the ones that make the key; default: the first
---@field least integer?              # columns a line must have; default 1
---@field separator string?           # "colon": the character between fields; default ":"
---@field control string?             # "table": lines that begin with it are no records, and kept
---@field new_order boolean?          # "colon", "table", "lines": N's order, the site's own records behind
---@field default "user"|"system"|"list"|"valid"|nil
---@field classes altmig.merge.Class[]?
---@field mandatory string[]?         # records that return when the site removed them
---@field admit string[]?             # records only N has come in if named here; nil: all do
---@field collision "attributes"|"keep"|"new"|nil   # record of C and N that O did not have
---@field sets boolean?              # stanza names are comma lists whose order does not count
---@field fold_case boolean?         # values that differ in case only are the same
---@field keep_obsolete boolean?      # keep records that the new level dropped

---@class altmig.merge.Text
---@field status "merged"|"kept"|"new"|"absent"
---@field text string?        # nil when absent
---@field decisions altmig.merge.Decision[]

--- Merges a file of stanzas or a table. "CONFIG_SYNTAX" when C cannot be parsed: the message has file and line.
---@param policy altmig.merge.Policy
---@param input altmig.merge.Input
---@return altmig.merge.Text? result
---@return string? message
---@return string? code
function core.records(policy, input) end

---@class altmig.merge.Users
---@field names string?             # /etc/passwd or /etc/group
---@field names_status "merged"|"kept"|"new"|"absent"
---@field security string?          # /etc/security/passwd or /etc/security/group
---@field security_status "merged"|"kept"|"new"|"absent"
---@field decisions altmig.merge.Decision[]

--- /etc/passwd with /etc/security/passwd.
---@param names altmig.merge.Input
---@param security altmig.merge.Input
---@param mandatory string[]   # accounts that return when the site removed them
---@return altmig.merge.Users? result
---@return string? message
---@return string? code      # "CONFIG_SYNTAX"
function core.passwd(names, security, mandatory) end

--- /etc/group with /etc/security/group; passwd is the text of the merged /etc/passwd.
---@param names altmig.merge.Input
---@param security altmig.merge.Input
---@param passwd string
---@param mandatory string[]
---@return altmig.merge.Users? result
---@return string? message
---@return string? code      # "CONFIG_SYNTAX"
function core.group(names, security, passwd, mandatory) end

---@class altmig.merge.Stanza
---@field key string
---@field line integer
---@field attributes table<string, string>   # values as written, quotes included

--- The stanzas of a text (or records of a table), in order; repeats folded into the first.
---@param text string
---@param file string        # for messages
---@param grammar string|altmig.merge.Policy|nil   # a policy's grammar, or a policy whose columns count
---@return altmig.merge.Stanza[]? stanzas
---@return string? message   # with file and line
---@return string? code      # "CONFIG_SYNTAX"
function core.parse(text, file, grammar) end

--- What whole-file comparison alone decides; nil when records must be merged.
---@param file string
---@param input altmig.merge.Input
---@return "new"|"kept"|"absent"|nil status
---@return string? message
---@return string? code
function core.whole(file, input) end

return core
