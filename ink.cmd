@echo off
rem Runs Inkstone from a checkout; builds it at the first call.
set program=%~dp0artifacts\bin\Inkstone.Cli\release\ink.exe
if not exist "%program%" dotnet build -c Release "%~dp0src\Inkstone.Cli" -v quiet -nologo 1>&2
"%program%" %*
