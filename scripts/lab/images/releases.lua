-- SPDX-License-Identifier: MIT
-- The releases that the lab plays, oldest first: a directory each with release.lua (levels, filesets, fixes), root.files
-- (configuration files) and classes.lua (object classes). Each says what differs from the one before it.

return { "aix71", "aix72", "aix73" }
