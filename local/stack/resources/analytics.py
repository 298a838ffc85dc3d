"""What SQL asks: the Glue catalog, and Athena's workgroups and saved queries.

Nothing asks them here: ``labelloop query --local`` reads the files that the tables are about.
"""

from __future__ import annotations

from local.stack.resources.base import Created, Resource, ResourceType, names


class Database(ResourceType):
    type_name = "AWS::Glue::Database"
    properties = names("CatalogId DatabaseInput")

    def create(self, resource: Resource) -> Created:
        given = resource.properties["DatabaseInput"]
        resource.client("glue").create_database(DatabaseInput=given)
        return Created(given["Name"])

    def delete(self, resource: Resource) -> None:
        resource.client("glue").delete_database(Name=resource.physical_id)


class CatalogTable(ResourceType):
    type_name = "AWS::Glue::Table"
    properties = names("CatalogId DatabaseName TableInput")

    def create(self, resource: Resource) -> Created:
        given = resource.properties["TableInput"]
        resource.client("glue").create_table(
            DatabaseName=resource.properties["DatabaseName"], TableInput=given
        )
        return Created(given["Name"])

    def delete(self, resource: Resource) -> None:
        resource.client("glue").delete_table(
            DatabaseName=resource.properties["DatabaseName"], Name=resource.physical_id
        )


class WorkGroup(ResourceType):
    type_name = "AWS::Athena::WorkGroup"
    properties = names("Name Description RecursiveDeleteOption WorkGroupConfiguration")

    def create(self, resource: Resource) -> Created:
        name = resource.properties["Name"]
        resource.client("athena").create_work_group(
            Name=name,
            Description=resource.properties["Description"],
            Configuration=resource.properties["WorkGroupConfiguration"],
        )
        return Created(name)

    def delete(self, resource: Resource) -> None:
        resource.client("athena").delete_work_group(WorkGroup=resource.physical_id)


class NamedQuery(ResourceType):
    """Only its name: moto cannot delete one."""

    type_name = "AWS::Athena::NamedQuery"
    properties = names("Database Description Name QueryString WorkGroup")

    def create(self, resource: Resource) -> Created:
        return Created(resource.deployment.new_name(resource.logical_id, 128))

    def update(self, resource: Resource) -> Created:
        return Created(resource.physical_id)

    def delete(self, resource: Resource) -> None:
        """Nothing was made."""
