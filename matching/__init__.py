"""Who is affected and whose patients they are: intake, standardise, link, people, owners."""
